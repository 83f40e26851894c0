"""Paper: estimate it, divide by it, and whiten the dark surround of a sheet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.geometry import reduced
from ocr_core.imaging.masks import components
from ocr_core.records import GreyImage

_SMALL = 400
"""Longer side, in pixels, of the copy on which the paper is estimated: it varies slowly."""
_REACH = 21
"""Pixels of that copy: the paper shows somewhere within a window of this size, even in dense writing."""
_DARK_SHARE = 0.5
"""Darker than this share of the sheet's usual brightness is not paper."""
_ALONG, _NARROW, _HOLLOW = 0.5, 0.12, 0.6
"""Shares: surround away from the edge runs along so much of a side of the picture, and is so narrow, or fills no more of
its bounding box."""
_DARKEST_PAPER = 40
"""Grey value: nothing darker is taken for paper, or black would be stretched to white."""


def _paper_level(small: GreyImage) -> int:
    """The usual brightness of the sheet, 0..255: a high percentile, so that writing and dark surrounds do not count."""
    return int(np.percentile(small, 80))


def dark_border(grey: GreyImage) -> NDArray[np.uint8]:
    """Where the dark surround of the sheet lies: uint8 [h, w] of a small copy of `grey`, 255 on the surround.

    Surround is dark and solid (writing is thin and does not survive an opening), and reaches the edge of the picture or
    runs along half of it: a scan laid on white has its black frame further in.
    """
    small, _ = reduced(grey, _SMALL)
    level = _paper_level(small)
    dark = np.where(small < level * _DARK_SHARE, 255, 0).astype(np.uint8)
    # Beyond the picture counts as dark, so that a thin strip along the edge is solid.
    framed = cv2.copyMakeBorder(dark, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=255)
    solid = cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    labels, stats = components(np.asarray(solid, np.uint8))
    around = _runs_along(stats, small.shape)
    around[labels[0, 0]] = True
    around[0] = False
    mask = np.where(around[labels], 255, 0).astype(np.uint8)
    grown = cv2.dilate(mask, np.ones((5, 5), np.uint8))[6:-6, 6:-6]
    # The frame itself dilates two pixels into every picture: keep only what lies over something dark.
    return np.asarray(cv2.bitwise_and(grown, cv2.dilate(dark, np.ones((3, 3), np.uint8))), np.uint8)


def _runs_along(stats: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components are long, and hollow or narrow: frames and strips, not plates. [n]"""
    width, height, area = (
        stats[:, i].astype(float) for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA)
    )
    long = (width > _ALONG * shape[1]) | (height > _ALONG * shape[0])
    narrow = np.minimum(width, height) < _NARROW * min(shape[:2])
    return np.asarray(long & (narrow | (area < _HOLLOW * width * height)))


def even(grey: GreyImage, border: NDArray[np.uint8] | None = None) -> GreyImage:
    """Divide a page by its paper, so that paper is near white everywhere and ink keeps its share of darkness.

    The paper is a grey closing of a small copy, smoothed: local, and blind to strokes narrower than the window.

    Args:
        grey: uint8 [height, width].
        border: the surround as :func:`dark_border` gives it; it becomes white.
    """
    small, _ = reduced(grey, _SMALL)
    level = max(_paper_level(small), _DARKEST_PAPER)
    if border is not None and border.any():
        small = np.where(border > 0, 0, small).astype(np.uint8)
    kernel = np.ones((min(_REACH, 2 * (min(small.shape) // 8) + 1),) * 2, np.uint8)
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REFLECT)
    # Solid dark areas (plates, blots, the surround) are no paper: the sheet's usual level stands in for it.
    paper = np.where(paper < level * _DARK_SHARE, level, paper).astype(np.uint8)
    paper = cv2.blur(paper, (kernel.shape[0],) * 2, borderType=cv2.BORDER_REFLECT)
    size = (grey.shape[1], grey.shape[0])
    wide = cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR)
    evened = cv2.divide(grey, wide, scale=250.0)
    if border is not None and border.any():
        evened[cv2.resize(border, size, interpolation=cv2.INTER_LINEAR) > 64] = 255
    return np.asarray(evened, np.uint8)
