"""Connected components of masks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def components(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels [h, w] of the 8-connected components of what is not 0, and their statistics [n, 5] as OpenCV orders them.

    Component 0 is the ground.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)


def without_solids(mask: Mask, radius: float) -> Mask:
    """The mask without the components that hold a disc of `radius` pixels: blots, plates, punched holes, shade."""
    labels, stats = components(mask)
    if not (stats[1:, cv2.CC_STAT_AREA] > 3 * radius**2).any():
        return mask
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    solid = np.zeros(len(stats), bool)
    solid[np.unique(labels[depth > radius])] = True
    solid[0] = False
    return np.where(solid[labels], 0, mask).astype(np.uint8)
