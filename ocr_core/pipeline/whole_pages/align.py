"""The text of a whole page, put on the lines that were found on it.

A page engine writes words and line ends, and does not say where they stand; the layout found lines, and does not know what
they say. Both are in reading order. So a line gets a run of words that fits its length, and line ends stay where they can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ocr_core.records import ReadWord

# Costs in the unit of a squared deviation: what letters differ in width (standard deviation of the logarithm), a line end
# that is not where a line ends, a line without text or text without a line (at least; the longer the more, up to …).
_DEVIATION: Final = 0.25
_MOVED_END: Final = 3.5
_LONELY: Final = (1.5, 4.5)
_GAP: Final = (
    1.6,
    0.3,
)  # so many times the usual distance of lines is a gap; text without a line then costs so much less
_WORDS: Final = 60  # most words of a line
_PLAIN: Final = 3.0  # mean cost of a line up to which line ends are believed unseen

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """Words of one line.

    Attributes:
        flags: `joined` (more lines were written than found here), `split` (fewer), `no-text` (for this line), `no-line` (for
            this text).
    """

    words: tuple[ReadWord, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alignment:
    """The words of a page by line.

    Attributes:
        lines: one for each line that was found, in order.
        unplaced: written lines that belong to no line that was found.
    """

    lines: tuple[Placed, ...]
    unplaced: tuple[Placed, ...] = ()


def align(
    rows: Sequence[Sequence[ReadWord]], widths: Sequence[float], heights: Sequence[float] | None = None
) -> Alignment:
    """Put written lines on found ones. Every word is in the answer once, in order.

    Args:
        rows: words of each written line, none empty.
        widths: of the found lines, in reading order, pixels, > 0.
        heights: where they stand, pixels from above; a gap among them is where a line may have been missed.
    """
    if not rows or not widths:
        return Alignment(
            tuple(Placed((), ("no-text",)) for _ in widths),
            tuple(Placed(tuple(row), ("no-line",)) for row in rows),
        )
    lengths = np.array([_length(row) for row in rows], float)
    room = np.asarray(widths, float)
    expected = room * lengths.sum() / room.sum()
    if len(rows) == len(widths) and float(np.mean(_misfit(lengths, expected))) < _PLAIN:
        return Alignment(tuple(Placed(tuple(row)) for row in rows))
    # How many letters a pixel takes: right by the sums where nothing was missed, by the medians where line ends were kept.
    usual = room * float(np.median(lengths) / np.median(room))
    missed = _gaps(heights, len(widths))
    return min((_best(rows, guess, missed) for guess in (expected, usual)), key=lambda found: found[0])[1]


def _gaps(heights: Sequence[float] | None, count: int) -> Floats:
    """[count + 1]: by how much text without a line is cheaper before each line, and after the last."""
    cheaper = np.ones(count + 1)
    if heights is None or count < 3:
        return cheaper
    steps = np.diff(np.asarray(heights, float))
    down = steps[steps > 0]
    times, factor = _GAP
    if len(down):
        cheaper[1:-1][steps > times * np.median(down)] = factor
    return cheaper


def _length(row: Sequence[ReadWord]) -> int:
    return sum(len(word.text) + 1 for word in row)


def _misfit(characters: Floats, expected: Floats | float) -> Floats:
    """Cost of so many characters on a line that has room for `expected`: the squared logarithm of the ratio, normal."""
    ratio = np.log((characters + 3) / (np.asarray(expected) + 3)) / _DEVIATION
    return np.asarray(ratio**2 / 2, float)


def _lonely(characters: float) -> float:
    least, most = _LONELY
    return min(least + characters / 10, most)


def _best(rows: Sequence[Sequence[ReadWord]], expected: Floats, missed: Floats) -> tuple[float, Alignment]:
    """The cheapest alignment and its cost.

    Dynamic programming over (lines done, words done); a step gives a line the next words, or leaves a line or a row alone.
    """
    words = [word for row in rows for word in row]
    row_of = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    ends_row = np.isin(np.arange(len(words) + 1), starts)
    before = np.concatenate([[0], np.cumsum([len(word.text) + 1 for word in words])]).astype(float)

    cost = np.full((len(expected) + 1, len(words) + 1), np.inf)
    came = np.zeros(cost.shape, int)  # words the step took; -1: a row that was left alone
    cost[0, 0] = 0.0
    for line in range(len(expected) + 1):
        if line:
            room = float(expected[line - 1])
            cost[line], came[line] = cost[line - 1] + _lonely(room), 0
            for took in range(1, min(_WORDS, len(words)) + 1):
                span = before[took:] - before[:-took]
                inside = row_of[took - 1 :] - row_of[: len(words) - took + 1]
                step = cost[line - 1, :-took] + _misfit(span, room) + _MOVED_END * (inside + ~ends_row[took:])
                better = step < cost[line, took:]
                cost[line, took:][better], came[line, took:][better] = step[better], took
        for first, last in pairwise(starts.tolist()):
            alone = cost[line, first] + missed[line] * _lonely(before[last] - before[first])
            if alone < cost[line, last]:
                cost[line, last], came[line, last] = alone, -1

    lines: list[Placed] = []
    unplaced: list[Placed] = []
    line, word = len(expected), len(words)
    while line or word:
        took = int(came[line, word])
        if took < 0:
            first = int(starts[np.searchsorted(starts, word) - 1])
            unplaced.append(Placed(tuple(words[first:word]), ("no-line",)))
            word = first
            continue
        own = tuple(words[word - took : word])
        rows_here = set(row_of[word - took : word].tolist())
        whole = bool(ends_row[word] and ends_row[word - took])
        flags = {"no-text": not own, "joined": len(rows_here) > 1, "split": bool(own) and not whole}
        lines.append(Placed(own, tuple(flag for flag, is_so in flags.items() if is_so)))
        line, word = line - 1, word - took
    return float(cost[-1, -1]), Alignment(tuple(lines[::-1]), tuple(unplaced[::-1]))
