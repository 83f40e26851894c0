"""Masks of ink: their connected components and their points; and the median of a grey picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage

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


def pixels_of(mask: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The x and the y of what is not 0, row by row: [n] each."""
    ys, xs = np.divmod(np.flatnonzero(mask != 0), mask.shape[1])
    return xs, ys


def median(grey: GreyImage) -> int:
    """The (lower) median of an image: counting its 256 values is much quicker than sorting its pixels."""
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]), dtype=np.float64)
    return int(np.searchsorted(counts, 0.5 * counts[-1]))
