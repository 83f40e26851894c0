"""Boxes of words: the engine's where it gave them, else the line divided in proportion to the length of its words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ocr_core.exports.model import PlacedWord
from ocr_core.exports.turned import turned_box, turned_points
from ocr_core.records import Box, Point

_SPACE = 0.7
"""Width of a space between words, in characters."""


def divide(
    words: Sequence[str], box: Box, polygon: Sequence[Point], direction: str, turn: int = 0
) -> tuple[PlacedWord, ...]:
    """Words placed along a line by their number of characters; their heights follow the line's outline.

    Args:
        words: in logical order.
        direction: of the line, `ltr` or `rtl`.
        turn: by how much the line has to be turned clockwise to be read.
    """
    box, polygon = turned_box(box, turn), turned_points(polygon, turn)
    lengths = [max(1, sum(not unicodedata.combining(c) for c in word)) for word in words]
    scale = box.width / (sum(lengths) + _SPACE * max(0, len(words) - 1)) if words else 0.0
    placed: dict[int, PlacedWord] = {}
    left = float(box.x0)
    for index in from_the_left(words, direction):
        right = left + scale * lengths[index]
        x0 = min(round(left), box.x1 - 1)
        x1 = max(x0 + 1, min(round(right), box.x1))
        y0, y1 = _heights(polygon, x0, x1, box)
        placed[index] = PlacedWord(words[index], turned_box(Box(x0, y0, x1, y1), -turn), None, measured=False)
        left = right + scale * _SPACE
    return tuple(placed[index] for index in range(len(words)))


def from_the_left(words: Sequence[str], direction: str) -> list[int]:
    """Indices of a line's words as they stand from left to right, by the Unicode bidirectional algorithm (UAX #9) for words.

    Words against the direction of the line keep their own order; numbers go with the words around them.
    """
    rtl = direction == "rtl"
    order: list[int] = []
    run: list[int] = []
    waiting: list[int] = []  # numbers and signs behind a run: they join it if it goes on
    for index, word in enumerate(words):
        way = direction_of(word)
        if way is None and run:
            waiting.append(index)
        elif way is None or (way == "rtl") == rtl:
            order += [*reversed(run), *waiting, index]
            run, waiting = [], []
        else:
            run += [*waiting, index]
            waiting = []
    order += [*reversed(run), *waiting]
    return order[::-1] if rtl else order


def direction_of(word: str) -> str | None:
    """`rtl` or `ltr` by the first letter; None for a word without letters."""
    for char in word:
        match unicodedata.bidirectional(char):
            case "R" | "AL":
                return "rtl"
            case "L":
                return "ltr"
    return None


def _heights(polygon: Sequence[Point], x0: int, x1: int, box: Box) -> tuple[int, int]:
    """Top and bottom of an outline between two columns, half-open; the box's where they enclose nothing."""
    ys: list[float] = []
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        if x0 <= ax <= x1:
            ys.append(ay)
        if ax != bx:
            ys += [ay + (by - ay) * (x - ax) / (bx - ax) for x in (x0, x1) if min(ax, bx) < x < max(ax, bx)]
    if not ys:
        return box.y0, box.y1
    return round(min(ys)), max(round(min(ys)) + 1, min(round(max(ys)) + 1, box.y1))
