"""Masks of ink: their connected components and their points; and the median of a grey picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage

_CORNER = 0.12
"""Share of the sides of a box from its corners in which these have ink."""
_LEAST_BOX = 16
"""Pixels: boxes with shorter sides cannot be told from round letters."""

Mask = NDArray[np.uint8]


def components(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels [h, w] of the 8-connected components of what is not 0, and their statistics [n, 5] as OpenCV orders them.

    Component 0 is the ground.
    """
    # Of OpenCV's algorithms, all of one answer, Grana's gathers the statistics two or three times as quickly.
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_GRANA)
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def without_solids(mask: Mask, radius: float) -> Mask:
    """The mask without the components that hold a disc of `radius` pixels: blots, plates, punched holes, shade."""
    deep = cv2.distanceTransform(mask, cv2.DIST_L2, 3) > radius
    if not deep.any():
        return mask
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    solid = np.zeros(int(labels.max()) + 1, bool)
    solid[labels[deep]] = True
    return np.where(solid[labels], 0, mask).astype(np.uint8)


def drawn_boxes(labels: NDArray[np.int32], stats: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which components, [n] of them, are boxes drawn around something: ink in at least three corners, none in the middle."""
    left, top, width, height, area = stats.T
    xs, ys = pixels_of(labels)
    part = labels[ys, xs]
    across, down = (xs - left[part]) / width[part], (ys - top[part]) / height[part]
    count = len(stats)
    inner = np.bincount(part[(np.abs(across - 0.5) < 0.3) & (np.abs(down - 0.5) < 0.3)], minlength=count)
    corners = np.zeros(count, int)
    for x in (across < _CORNER, across > 1 - _CORNER):
        for y in (down < _CORNER, down > 1 - _CORNER):
            corners += np.bincount(part[x & y], minlength=count) > 0
    boxes = (inner <= 0.02 * area) & (corners >= 3) & (np.minimum(width, height) > _LEAST_BOX)
    boxes[0] = False
    return np.asarray(boxes)


def pixels_of(mask: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The x and the y of what is not 0, row by row: [n] each."""
    ys, xs = np.divmod(np.flatnonzero(mask != 0), mask.shape[1])
    return xs, ys


def median(grey: GreyImage) -> int:
    """The (lower) median of an image: counting its 256 values is much quicker than sorting its pixels."""
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]), dtype=np.float64)
    return int(np.searchsorted(counts, 0.5 * counts[-1]))
