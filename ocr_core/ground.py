"""The light ground of a strip of writing, and the writing evened out against it.

Images are grey uint8 ``[rows, columns]``, ink dark on light ground. What training and recognition do alike to a line picture
before it meets a network is here, so that both stay the same.
"""

from __future__ import annotations

import cv2
import numpy as np

from ocr_core.records import GreyImage

NORMALISATION_VERSION = "1"
"""Enters the stamp of engines: it changes when the same strip would look different to a network."""


def fade_outside(image: GreyImage, mask: GreyImage) -> GreyImage:
    """Replace what lies outside a soft mask by the ground around it.

    Args:
        image: grey uint8 ``[height, width]``.
        mask: uint8 ``[height, width]``, 255 where the image stays.
    """
    ground = local_ground(image)
    inside = mask.astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(image, ground, inside, 1 - inside), dtype=np.uint8)


def local_ground(image: GreyImage) -> GreyImage:
    """The light ground of a strip of writing: the brighter part of each neighbourhood, smoothed. Same shape, uint8."""
    rows, columns = image.shape
    cell = max(2, rows // 12)
    small = cv2.resize(image, (max(3, columns // cell), max(3, rows // cell)), interpolation=cv2.INTER_AREA)
    small = cv2.dilate(
        small, cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5)), borderType=cv2.BORDER_REPLICATE
    )
    small = cv2.blur(small, (7, 5), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def even_out(image: GreyImage) -> GreyImage:
    """Divide by the ground and stretch the ink: ground becomes 255, the darkest 2 % of the ink near 0. Same shape.

    The stretch is bounded (at most fourfold), so that an empty strip stays empty instead of showing its grain.
    """
    ratio = cv2.divide(image, local_ground(image), scale=255)
    counts = np.cumsum(np.bincount(ratio.ravel(), minlength=256))
    dark = int(np.searchsorted(counts, 0.01 * counts[-1]))
    dark = min(dark, 190)
    light = 250
    table = np.clip((np.arange(256, dtype=np.float32) - dark) * (255.0 / (light - dark)), 0, 255).astype(
        np.uint8
    )
    return np.asarray(cv2.LUT(ratio, table), dtype=np.uint8)


def normalise_height(strip: GreyImage, height: int) -> GreyImage:
    """Scale a strip to a height, keeping its proportions, and even out its ground and contrast.

    Args:
        strip: grey uint8 ``[rows, columns]``.
        height: of the result in pixels.

    Returns:
        uint8 ``[height, width]``: ground 255, ink towards 0; width at least 4.
    """
    rows, columns = strip.shape
    width = max(4, round(columns * height / rows))
    how = cv2.INTER_AREA if rows > height else cv2.INTER_LINEAR
    return even_out(np.asarray(cv2.resize(strip, (width, height), interpolation=how), dtype=np.uint8))
