"""Writing that runs up or down a margin: where a page may have some, judged by what is left of its ink there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.orientation import estimate_orientation
from ocr_core.layout.crests import Course, longest_run
from ocr_core.layout.ink import Ink
from ocr_core.layout.outline import Points
from ocr_core.layout.ridges import Ridge
from ocr_core.records import GreyImage

_LONG = 6.0
"""Lines longer than so many distances between lines are the body of a page …"""
_BODY = 0.35
"""… which begins where this share of them has begun, and ends where so many have ended."""
_FEWEST = 5
"""With fewer such lines there is no telling margins."""
_WIDTH = 0.6
"""Least width of a margin with writing, in distances between lines."""
_CLEAR = 0.6
"""The network's confidence that what stands there lies on its side."""
_FILLED, _TALL = 0.75, 8
"""Share of a stretch of a margin, cut into bands half as high as lines are apart, with ink; and its least bands."""

_SHORTEST = 0.6
"""Shares of its height that remain of a line at least."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Columns `x0` to `x1` (half-open) of a page in working pixels, and how far clockwise they must be turned to be read."""

    x0: int
    x1: int
    turn: int


def written_margins(grey: GreyImage, ink: Ink, lines: Sequence[Course], pitch: float) -> list[Margin]:
    """The margins with writing that runs up or down.

    A margin that is filled for some way without gaps is looked at, and only then by the network that tells how pages lie.

    Args:
        grey: the page, uint8 [h, w], and `ink` its ink.
        lines: those found so far.
        pitch: usual distance between lines, pixels.
    """
    long = [line for line in lines if len(line.ys) > _LONG * pitch]
    if len(long) < _FEWEST:
        return []
    left = int(np.quantile([line.x0 for line in long], _BODY))
    right = int(np.quantile([line.x1 for line in long], 1 - _BODY))
    found = []
    for x0, x1 in ((0, left), (right, grey.shape[1])):
        if x1 - x0 < _WIDTH * pitch or not _filled(ink, x0, x1, pitch):
            continue
        lie = estimate_orientation(np.ascontiguousarray(grey[:, x0:x1]))
        if lie.turn_deg in (90, 270) and lie.confidence >= _CLEAR:
            found.append(Margin(x0, x1, lie.turn_deg))
    return found


def set_apart(polygons: Sequence[Points], ink: Ink, *lines: Sequence[Ridge]) -> tuple[Ink, list[list[Ridge]]]:
    """What is left for level lines beside lines that are read turned: the ink, and the longest stretch of each.

    Args:
        polygons: of the turned lines, float [n, 2] each, working pixels.
    """
    taken = np.zeros(ink.mask.shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(taken, [np.rint(polygon).astype(np.int32)], 1)
    free = taken == 0
    left = replace(ink, mask=ink.mask * free, labels=np.where(free, ink.labels, 0).astype(np.int32))
    return left, [[r for ridge in some if (r := _free_stretch(ridge, free)) is not None] for some in lines]


def _free_stretch(ridge: Ridge, free: NDArray[np.bool_]) -> Ridge | None:
    """The longest stretch of a ridge through free pixels, bool [h, w]; None if that is too short for a line."""
    height, width = free.shape
    columns = np.arange(ridge.x0, ridge.x1).clip(0, width - 1)
    open_ = free[np.rint(ridge.ys).astype(int).clip(0, height - 1), columns]
    if open_.all():
        return ridge
    start, length = longest_run(open_)
    if length < _SHORTEST * ridge.pitch:
        return None
    return replace(ridge, x0=ridge.x0 + start, ys=ridge.ys[start : start + length])


def _filled(ink: Ink, x0: int, x1: int, pitch: float) -> bool:
    """Whether ink stands in most bands of a stretch: level lines that reach into a margin leave every other one free."""
    rows = np.asarray(ink.mask[:, x0:x1].any(axis=1))
    band = max(1, round(pitch / 2))
    bands = rows[: len(rows) // band * band].reshape(-1, band).mean(axis=1) > 0.5
    if len(bands) < _TALL:
        return False
    shares = np.convolve(bands, np.ones(_TALL) / _TALL, "valid")
    return bool(shares.max() >= _FILLED)
