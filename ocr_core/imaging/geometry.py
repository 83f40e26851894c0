"""Affine maps between the pixels of a page and of its cleaned copy.

A map is float64 [2, 3]: (x, y) → A @ (x, y, 1). Pixel centres lie at whole numbers, as OpenCV has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage

Affine = NDArray[np.float64]


def identity() -> Affine:
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def invert(affine: Affine) -> Affine:
    return np.asarray(cv2.invertAffineTransform(np.asarray(affine, np.float64)), np.float64)


def compose(after: Affine, before: Affine) -> Affine:
    """The map that applies `before`, then `after`."""
    full = np.vstack([before, [0.0, 0.0, 1.0]])
    return np.asarray(after, np.float64) @ full


def apply(affine: Affine, points: Sequence[tuple[float, float]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [n, 2] of x, y → mapped points [n, 2]."""
    array = np.asarray(points, np.float64).reshape(-1, 2)
    return array @ affine[:, :2].T + affine[:, 2]


def rotate(grey: GreyImage, angle_deg: float, *, fill: int = 255) -> tuple[GreyImage, Affine]:
    """Turn a page so that lines falling to the right by `angle_deg` (clockwise positive) become level.

    The picture grows so that no corner is lost; resolution stays. New ground has the value `fill`.

    Returns:
        The rotated page and the affine that maps its pixels back to those of `grey`.
    """
    height, width = grey.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_width = int(np.ceil(width * cos + height * sin))
    new_height = int(np.ceil(width * sin + height * cos))
    matrix[0, 2] += (new_width - width) / 2
    matrix[1, 2] += (new_height - height) / 2
    turned = cv2.warpAffine(
        grey,
        matrix,
        (new_width, new_height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    return np.asarray(turned, np.uint8), invert(np.asarray(matrix, np.float64))


def quarter(grey: GreyImage, turn_deg: int) -> tuple[GreyImage, Affine]:
    """A page turned clockwise by 0, 90, 180 or 270 degrees, and the map from its pixels to those of `grey`."""
    height, width = grey.shape
    back = {
        0: identity(),
        90: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, height - 1.0]]),
        180: np.array([[-1.0, 0.0, width - 1.0], [0.0, -1.0, height - 1.0]]),
        270: np.array([[0.0, -1.0, width - 1.0], [1.0, 0.0, 0.0]]),
    }
    return np.ascontiguousarray(np.rot90(grey, -turn_deg // 90)), back[turn_deg]


def page_picture(grey: GreyImage, rotation: int, pixels: int) -> GreyImage:
    """The page turned upright and reduced to an area of at most `pixels`.

    Args:
        rotation: clockwise degrees by which it is to be turned: 0, 90, 180, 270.
    """
    turned, _ = quarter(grey, rotation)
    scale = math.sqrt(pixels / turned.size)
    if scale >= 1:
        return turned
    size = (max(1, int(turned.shape[1] * scale)), max(1, int(turned.shape[0] * scale)))
    return np.asarray(cv2.resize(turned, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def reduced(grey: GreyImage, longest: int) -> tuple[GreyImage, Affine]:
    """A copy whose longer side is at most `longest` pixels, and the map from its pixels to those of `grey`.

    It is halved as long as that goes (an odd last row or column is left out then), and interpolated for the rest: that is
    many times as quick as averaging over parts of pixels, and lines are found as well.
    """
    small, halved = grey, 1
    while max(small.shape) >= 2 * longest and min(small.shape) > 1:
        height, width = small.shape[0] // 2, small.shape[1] // 2
        small = _resized(small[: 2 * height, : 2 * width], (width, height), cv2.INTER_AREA)
        halved *= 2
    height, width = small.shape
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size != (width, height):
        small = _resized(small, size, cv2.INTER_LINEAR)
    across, down = halved * width / size[0], halved * height / size[1]
    # The first pixel of the copy covers several: its centre lies further in.
    return small, np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])


def _resized(grey: GreyImage, size: tuple[int, int], how: int) -> GreyImage:
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)
