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


_LEAST_CONTRAST = 50
"""Grey values between the darkest and the lightest of a strip below which it is taken as it is."""


def fade_outside(image: GreyImage, mask: GreyImage) -> GreyImage:
    """Replace what lies outside a soft mask by the ground around it.

    Args:
        image: grey uint8 ``[height, width]``.
        mask: uint8 ``[height, width]``, 255 where the image stays.
    """
    ground = local_ground(image)
    inside = mask.astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(image, ground, inside, 1 - inside), dtype=np.uint8)


def dark_on_light(image: GreyImage) -> GreyImage:
    """A strip of writing as dark ink on light ground: light writing on a dark ground is turned round. Same shape.

    What is darker than half way to the lightest took at most 0.32 of the strip on 1,500 lines of letters, typescript, books
    and slides, 0.39 under a thick bar, and from 0.48 on where the ground was dark; of the middle of those, from 0.6 on.
    """
    rows = image.shape[0]
    part = image[::2, ::2]
    counts = np.cumsum(np.bincount(part.ravel(), minlength=256))
    darkest, lightest = (int(np.searchsorted(counts, share * counts[-1])) for share in (0.02, 0.98))
    half_way = (darkest + lightest) // 2
    if lightest - darkest < _LEAST_CONTRAST or counts[half_way] < 0.45 * counts[-1]:
        return image
    middle = image[rows // 4 : max(rows - rows // 4, 1)]
    return np.asarray(255 - image, dtype=np.uint8) if (middle <= half_way).mean() >= 0.6 else image


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
