"""The order of characters on a right-to-left line: as they stand from left to right, and as they are read.

The Unicode bidirectional algorithm (UAX #9) for a paragraph that runs right to left and has no explicit controls: the
line is reversed, Latin runs and numbers in it keep their direction, brackets look the other way, marks stay behind their
letters. The same rules lead from one order to the other and back, so one function serves for both.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

BRACKETS = dict(zip("()[]{}<>«»‹›", ")(][}{><»«›‹", strict=True))
_KINDS = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "A", "NSM": "M", "CS": "C"}


@lru_cache(maxsize=4096)
def kind_of(char: str) -> str:
    """R right-to-left letter, L left-to-right letter, N digit, A Arabic-Indic digit, M mark, C separator in numbers,
    O other."""
    return _KINDS.get(unicodedata.bidirectional(char), "O")


def turned(text: str) -> str:
    """A right-to-left line in the other order: as read → as it stands from left to right, and back.

    Not every line comes back as it was: of a number beside a Latin run only one order is possible on the way back.
    """
    return "".join(char for _, char in turned_characters(text, [kind_of(c) for c in text], 0, len(text)))


def turned_characters(
    line: str, kinds: list[str], start: int, end: int, *, mirror: bool = True
) -> list[tuple[int, str]]:
    """(place in `line`, character) of a right-to-left span of it, in the other order.

    Args:
        kinds: of each character of the line, see `kind_of`.
        mirror: brackets between right-to-left letters are swapped.
    """
    items: list[list[tuple[int, str]]] = []
    at = start
    while at < end:
        stop = at + 1
        if kinds[at] in "LNA":
            stop = _left_to_right_run(kinds, at, end)
        elif kinds[at] in "RO":
            while stop < end and kinds[stop] == "M":  # a mark stays behind its letter
                stop += 1
        run = [(i, line[i]) for i in range(at, stop)]
        if mirror and stop == at + 1:
            run = [(at, BRACKETS.get(line[at], line[at]))]
        items.append(run)
        at = stop
    return [pair for run in reversed(items) for pair in run]


def _left_to_right_run(kinds: list[str], at: int, end: int) -> int:
    """End of the Latin run or number at `at`: a Latin run ends with its last letter, or digit after it, before an R.

    A number that touches no letter stands by itself, whatever comes after it.
    """
    stop = at
    while stop < end and (
        kinds[stop] in "NA" or (kinds[stop] == "C" and at < stop < end - 1 and kinds[stop + 1] in "NA")
    ):
        stop += 1  # digits, and single separators between digits (UAX #9, W4)
    if stop == end or kinds[stop] != "L":
        return stop
    for j in range(stop, end):
        if kinds[j] == "R":
            break
        if kinds[j] in "LN":
            stop = j + 1
    while stop < end and kinds[stop] == "M":
        stop += 1
    return stop
