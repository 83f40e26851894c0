"""What the line finder's network should say of a page: maps drawn from true lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.training.layout.network import UNIT

Points = NDArray[np.float64]
_BASELINE, _END = 3, 3
"""Thickness in pixels of 1/2 of the page's resolution."""
_STEEPEST = 1.0
"""Rise over run: steeper lines are neither learnt nor counted as paper."""
_SHIFT = 4
"""Binary digits behind the point in coordinates for drawing."""


@dataclass(frozen=True, slots=True)
class PageLine:
    """A true line in working pixels.

    Attributes:
        baseline: [n, 2], from left to right as far as it goes.
        above, below: how far the line's outline usually reaches above and below it; NaN where unknown.
    """

    baseline: Points
    above: float
    below: float


@dataclass(frozen=True, slots=True)
class Targets:
    """Maps of a piece of a page of `height` x `width` pixels.

    Attributes:
        baseline, ends: uint8 [height/2, width/2], 1 on baselines and across the ends of lines.
        counts: uint8 [height/2, width/2], 0 where the answer does not matter.
        reach: float32 [2, height/4, width/4], logarithms of the reach above and below in `UNIT`; 0 where not `near`.
        near: uint8 [height/4, width/4], 1 where the reach is asked for.
    """

    baseline: NDArray[np.uint8]
    ends: NDArray[np.uint8]
    counts: NDArray[np.uint8]
    reach: NDArray[np.float32]
    near: NDArray[np.uint8]


def draw_targets(lines: Sequence[PageLine], height: int, width: int) -> Targets:
    """The maps of a piece of a page; lines may run beyond it."""
    shape, small = (height // 2, width // 2), (height // 4, width // 4)
    baseline, ends, counts = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.ones(shape, np.uint8)
    reach, near = np.zeros((2, *small), np.float32), np.zeros(small, np.uint8)
    for line in lines:
        points = line.baseline
        run = np.abs(points[-1] - points[0])
        above, below = (UNIT if np.isnan(v) else float(np.clip(v, 2, 200)) for v in (line.above, line.below))
        if run[1] > _STEEPEST * run[0]:
            thick = max(2, round((above + below) / 2))
            cv2.polylines(counts, [_fixed(points, 2)], False, 0, thick, shift=_SHIFT)
            continue
        cv2.polylines(baseline, [_fixed(points, 2)], False, 1, _BASELINE, shift=_SHIFT)
        for tip, inner in ((points[0], points[1]), (points[-1], points[-2])):
            along = (tip - inner) / max(float(np.linalg.norm(tip - inner)), 1e-6)
            up = np.array([along[1], -along[0]]) * (1 if along[0] > 0 else -1)
            mark = np.stack([tip + up * 0.7 * above, tip - up * 0.7 * below])
            cv2.polylines(ends, [_fixed(mark, 2)], False, 1, _END, shift=_SHIFT)
        if not np.isnan(line.above + line.below):
            for map_, value in zip(reach, (above, below), strict=True):
                level = float(np.log(value / UNIT))
                cv2.polylines(map_, [_fixed(points, 4)], False, level, 3, shift=_SHIFT)
            cv2.polylines(near, [_fixed(points, 4)], False, 1, 3, shift=_SHIFT)
    return Targets(baseline, ends, counts, reach, near)


def _fixed(points: Points, reduction: int) -> NDArray[np.int32]:
    """Points of the page in fixed-point pixels of a map reduced so many times."""
    return np.rint(((points + 0.5) / reduction - 0.5) * (1 << _SHIFT)).astype(np.int32)
