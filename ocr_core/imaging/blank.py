"""Is there anything to read on a page?

Writing is made of strokes: dark against the paper around them, with sharp edges, of a letter's size, and several of them
near each other. Grain and dust are too small, show-through and stains too soft, folds, rules and frames too long.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.masks import components, median, pixels_of, without_solids
from ocr_core.records import GreyImage

_INK = 55
"""Grey levels below the paper at the darkest of a stroke; show-through and pencil dust stay above."""
_EDGE = 26
"""Grey levels by which the edge of a stroke changes within two pixels."""
_SOLID = 15.0
"""Pixels: no stroke of writing is thicker than twice this."""
_MIN_STROKE_ROWS = 26
"""Height in pixels of all strokes of a page together, below which it is dust."""


def is_blank(evened: GreyImage) -> bool:
    """Whether a page without writing is before us: `evened` is its evened grey picture, surround whitened."""
    if min(evened.shape) < 8:
        return True
    paper = median(evened)
    noise = median(np.asarray(cv2.absdiff(evened, np.full_like(evened, paper)), np.uint8))
    threshold = paper - max(0.55 * _INK, 5 * noise)
    if threshold <= 8:
        return True
    soft = np.asarray(cv2.blur(evened, (3, 3)), np.uint8) if noise > 3 else evened
    ink = without_solids((soft < threshold).astype(np.uint8), _SOLID)
    labels, stats = components(ink)
    count = len(stats)
    if count < 2:
        return True
    peak = _least(soft, labels, count)
    edges = _edge_strength(soft, ink, labels, count)
    height, width = evened.shape
    box_w, box_h, area = (stats[:, i] for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    thin = np.minimum(box_w, box_h)
    rule = (
        (np.maximum(box_w, box_h) > 12 * np.maximum(thin, 1)) | (box_h > 0.5 * height) | (box_w > 0.9 * width)
    )
    strokes = (
        (peak < paper - max(_INK, 8 * noise))
        & (edges > _EDGE)
        & (box_h >= 5)
        & (thin >= 2)
        & (area >= 10)
        & ~rule
    )
    strokes[0] = False
    solid = area > 0.75 * box_w * box_h
    strokes &= ~(solid & (area > 400))
    return int(box_h[strokes].sum()) < _MIN_STROKE_ROWS or not _gathered(stats[strokes])


def _least(grey: GreyImage, labels: NDArray[np.int32], count: int) -> NDArray[np.uint8]:
    """The darkest grey of each component, [count]."""
    darkest = np.full(count, 255, np.uint8)
    xs, ys = pixels_of(labels)
    np.minimum.at(darkest, labels[ys, xs], grey[ys, xs])
    return darkest


def _edge_strength(
    grey: GreyImage, ink: NDArray[np.uint8], labels: NDArray[np.int32], count: int
) -> NDArray[np.float64]:
    """Mean step of grey over the outline of each component, [count]."""
    step = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    rim = (ink > 0) & (cv2.erode(ink, np.ones((3, 3), np.uint8)) == 0)
    which = labels[rim]
    total = np.bincount(which, step[rim], count)
    return np.asarray(total / np.maximum(np.bincount(which, minlength=count), 1))


def _gathered(stats: NDArray[np.int32]) -> bool:
    """Whether strokes lie together as those of a word do, rather than scattered like dust over the sheet.

    A single component counts when it is wider than a speck: a word in cursive is one.
    """
    box_h = stats[:, cv2.CC_STAT_HEIGHT].astype(float)
    box_w = stats[:, cv2.CC_STAT_WIDTH].astype(float)
    if (np.maximum(box_w, box_h) >= 28).any():
        return True
    x = stats[:, cv2.CC_STAT_LEFT] + box_w / 2
    y = stats[:, cv2.CC_STAT_TOP] + box_h / 2
    for i in range(min(len(x), 400)):
        near = (np.abs(x - x[i]) < 60) & (np.abs(y - y[i]) < 25)
        if box_h[near].sum() >= _MIN_STROKE_ROWS and near.sum() >= 2:
            return True
    return False
