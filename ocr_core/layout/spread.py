"""Two-page spreads: where the gutter runs, and lines on either side of it.

A spread is wider than high and has a white corridor near its middle, from its first line to its last, with writing on both
sides. Where two columns of one wide page look so, nothing is lost: they are read one after the other as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.crests import Course, longest_run
from ocr_core.layout.order import reading_order
from ocr_core.records import TEXT

LEFT, RIGHT = "left page", "right page"
"""Regions of the lines of a spread."""
_SHAPE = 1.1
"""Least width of a spread as a share of its height."""
_MIDDLE = (0.36, 0.64)
"""Shares of the width between which the gutter lies."""
_SLANTS = np.linspace(-0.06, 0.06, 13)
"""Columns by which a gutter moves from row to row."""
_STRAY = 0.012
"""Share of the page's rows that may have ink in a column of the gutter: dirt, but no line."""
_WIDE = 0.5
"""Least width of the corridor, in distances between lines."""
_FILLED = 0.3
"""Share of the corridor's columns that hold ink where a heading is written across."""
_EACH_SIDE = 0.12
"""Least share of the ink on each side."""

C = TypeVar("C", bound=Course)


@dataclass(frozen=True, slots=True)
class Gutter:
    """The line x = `x0` + `slant` · y, in working pixels, and half the width of the corridor around it."""

    x0: float
    slant: float
    reach: float

    def at(self, y: float) -> float:
        return self.x0 + self.slant * y


def find_gutter(mask: NDArray[np.uint8], pitch: float, lines: Sequence[Course]) -> Gutter | None:
    """The gutter of a spread; None where the page is none.

    Args:
        mask: uint8 [h, w], 1 on ink.
        pitch: distance between lines in pixels.
        lines: as they were found; a heading that is written across the corridor shows that it is no gutter.
    """
    height, width = mask.shape
    if width < _SHAPE * height:
        return None
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return None
    best, widest = None, max(_WIDE * pitch, 4.0)
    for slant in _SLANTS:
        columns = np.clip(np.rint(xs - slant * (ys - height / 2)).astype(int), 0, width - 1)
        counts = np.bincount(columns, minlength=width)
        low, high = (round(share * width) for share in _MIDDLE)
        start, length = longest_run(counts[low:high] <= _STRAY * height)
        sides = counts[: low + start].sum(), counts[low + start + length :].sum()
        if length > widest and min(sides) >= _EACH_SIDE * len(xs):
            widest = length
            best = Gutter(low + start + length / 2 - slant * height / 2, float(slant), length / 2)
    if best is None or any(_written_across(best, line, mask, pitch) for line in lines):
        return None
    return best


def _written_across(gutter: Gutter, line: Course, mask: NDArray[np.uint8], pitch: float) -> bool:
    """Whether a line runs well over the gutter, with ink of its own in the corridor."""
    at = round(gutter.at(float(line.ys.mean())))
    if min(at - line.x0, line.x1 - at) < 2 * pitch:
        return False
    y, reach = round(float(line.ys[at - line.x0])), max(1, round(gutter.reach))
    band = mask[max(0, y - round(0.5 * pitch)) : y + 1, at - reach : at + reach]
    return bool(band.any(axis=0).mean() > _FILLED)


def cut_at(gutter: Gutter | None, lines: Sequence[C], mask: NDArray[np.uint8], pitch: float) -> list[C]:
    """The lines, those that run over the gutter in two, in the widest gap of their ink near it.

    What would be shorter than the pitch is left out where a line of that page runs on there, whose ink it would share;
    elsewhere it stays with the rest.

    Args:
        mask, pitch: as for :func:`find_gutter`.
    """
    if gutter is None:
        return list(lines)
    parts: list[C] = []
    for line in lines:
        at = round(gutter.at(float(line.ys.mean()))) - line.x0
        if 0 < at < len(line.ys):
            at = _gap_near(at, line, mask, pitch)
        if not 0 < at < len(line.ys):
            parts.append(line)
            continue
        pieces = [replace(line, ys=line.ys[:at]), replace(line, x0=line.x0 + at, ys=line.ys[at:])]
        long = [piece for piece in pieces if len(piece.ys) >= pitch]
        if len(long) == 1:
            [rest] = [piece for piece in pieces if len(piece.ys) < pitch]
            others = (other for other in lines if other is not line)
            if not any(_runs_on(other, rest, pitch) for other in others):
                long = [line]
        parts += long or [line]
    return parts


def _gap_near(at: int, line: Course, mask: NDArray[np.uint8], pitch: float) -> int:
    """The middle of the longest run of columns without ink of a line within two pitches of its column `at`; else `at`."""
    reach = round(2 * pitch)
    first, last = max(0, at - reach), min(len(line.ys), at + reach)
    y = round(float(line.ys[at]))
    band = mask[max(0, y - round(0.5 * pitch)) : y + round(0.2 * pitch) + 1, line.x0 + first : line.x0 + last]
    start, length = longest_run(np.logical_not(band.any(axis=0)))
    return first + start + length // 2 if length else at


def _runs_on(other: Course, rest: Course, pitch: float) -> bool:
    """Whether another line lies where a piece of one does: at its height, and over or just beyond its end."""
    middle = (rest.x0 + rest.x1) / 2
    beside = other.x0 - pitch <= middle <= other.x1 + pitch
    at = min(max(round(middle) - other.x0, 0), len(other.ys) - 1)
    return bool(beside and abs(other.ys[at] - rest.ys.mean()) < pitch / 2)


def in_order(gutter: Gutter | None, boxes: NDArray[np.float64]) -> list[tuple[int, str]]:
    """Indices of lines in reading order, and the region of each: the left page first, for writing from left to right.

    Args:
        boxes: [n, 4] as :func:`reading_order` takes them, in working pixels.
    """
    if gutter is None:
        return [(i, TEXT) for i in reading_order(boxes)]
    middle = boxes.reshape(-1, 2, 2).mean(axis=1)
    on_left = middle[:, 0] < gutter.x0 + gutter.slant * middle[:, 1]
    ordered = []
    for region, chosen in ((LEFT, np.flatnonzero(on_left)), (RIGHT, np.flatnonzero(~on_left))):
        ordered += [(int(chosen[i]), region) for i in reading_order(boxes[chosen])]
    return ordered
