"""From a line image to what the script network looks at: windows of fixed size along the line.

A window is float32 ``[HEIGHT, WIDTH]``, ink 1, ground 0. A line gives as many windows as it is long, up to
`MAX_WINDOWS`, so that a long line has many votes and a line of two scripts shows both.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.ground import local_ground
from ocr_core.records import GreyImage

HEIGHT = 40
WIDTH = 120
STRIDE = 80
MAX_WINDOWS = 5
MIN_INK = 0.006
"""A window with a smaller share of ink shows nothing."""

Windows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LineWindows:
    """The windows of one line, float32 ``[n, HEIGHT, WIDTH]``, and the share of ink in each, ``[n]``, 0..1.

    `n` is 0 where the line holds no ink.
    """

    windows: Windows
    ink: NDArray[np.float32]


def cut_windows(pixels: GreyImage) -> LineWindows:
    """Scale a line to the network's height, even out its ground and cut windows where there is ink.

    Args:
        pixels: grey uint8 ``[rows, columns]``, dark ink on light ground; any size, even empty.
    """
    if pixels.ndim != 2 or min(pixels.shape) < 2:
        return LineWindows(np.zeros((0, HEIGHT, WIDTH), np.float32), np.zeros(0, np.float32))
    line = to_ink(scale_to_height(pixels))
    columns = line.shape[1]
    if columns < WIDTH:
        left = (WIDTH - columns) // 2
        line = np.pad(line, ((0, 0), (left, WIDTH - columns - left)))
        columns = WIDTH
    count = min(MAX_WINDOWS, -(-(columns - WIDTH) // STRIDE) + 1)
    starts = np.rint(np.linspace(0, columns - WIDTH, count)).astype(int)
    windows = np.stack([line[:, s : s + WIDTH] for s in starts])
    ink = windows.mean(axis=(1, 2), dtype=np.float32)
    kept = ink >= MIN_INK
    return LineWindows(windows[kept], ink[kept])


def scale_to_height(pixels: GreyImage, height: int = HEIGHT) -> GreyImage:
    """Scale to `height` rows with the proportions kept; columns are at least 2 and at most 200 heights."""
    rows, columns = pixels.shape
    width = int(np.clip(round(columns * height / rows), 2, 200 * height))
    while pixels.shape[0] >= 2 * height and pixels.shape[1] >= 2 * width:
        # By halves first: means of 2 × 2 pixels are many times faster than those of broken ones.
        pixels = _halved(pixels)
    rows = pixels.shape[0]
    how = cv2.INTER_AREA if rows > height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.uint8)


def _halved(pixels: GreyImage) -> GreyImage:
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    even = pixels[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_ink(image: GreyImage) -> Windows:
    """Divide by the local ground and stretch: float32 of the same shape, ground 0, the darkest ink towards 1.

    The stretch is at most fourfold, so that the grain of empty paper does not become ink.
    """
    ground = np.maximum(local_ground(image), 1)  # black all over is ground too
    ratio = np.asarray(cv2.divide(np.maximum(image, 1), ground, scale=255), dtype=np.uint8)
    counts = np.cumsum(cv2.calcHist([ratio], [0], None, [256], [0, 256]))
    dark = min(int(np.searchsorted(counts, 0.01 * counts[-1])), 190)
    table = np.clip((250 - np.arange(256)) / (250 - dark), 0, 1).astype(np.float32)
    return np.asarray(cv2.LUT(ratio, table), dtype=np.float32)
