"""Text and words with their boxes, from what a CTC network wrote from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ocr_core.bidi import kind_of, turned_characters
from ocr_core.recognizers.decoding.ctc import Decoded
from ocr_core.records import Box, Word

_LEAD = 1.5
"""Frames by which a letter's ink begins before its peak, about half a letter."""

Characters = Sequence[tuple[int, str]]


def in_reading_order(drawn: str, *, rtl: bool) -> Characters:
    """(place among the decoded characters, character) in the order in which they are read.

    Args:
        drawn: the characters as they stand from left to right.
        rtl: the line runs from right to left.
    """
    if not rtl:
        return list(enumerate(drawn))
    return turned_characters(drawn, [kind_of(c) for c in drawn], 0, len(drawn))


def words_of(
    characters: Characters, decoded: Decoded, shape: tuple[int, ...], pixels_per_frame: float
) -> Iterator[Word]:
    """Words in reading order, with their boxes in the picture: from half a letter before the first peak to half a letter
    after the last, never over the middle of the character beside it.

    Args:
        characters: of `in_reading_order`.
        shape: of the picture, rows and columns.
    """
    height, width = shape
    last = len(decoded.classes) - 1
    middles = [(a + b) / 2 for a, b in zip(decoded.starts, decoded.ends, strict=True)]
    for word in _split(characters):
        places = [place for place, _ in word]
        first, final = min(places), max(places)
        left, right = decoded.starts[first] - _LEAD, decoded.ends[final] + _LEAD
        if first > 0:
            left = max(left, middles[first - 1])
        if final < last:
            right = min(right, middles[final + 1])
        x0 = int(np.clip(left * pixels_per_frame, 0, width - 1))
        x1 = int(np.clip(np.ceil(right * pixels_per_frame), x0 + 1, width))
        sure = float(np.exp(np.mean([np.log(max(decoded.confidences[p], 1e-9)) for p in places])))
        yield Word("".join(c for _, c in word), Box(x0, 0, x1, height), sure)


def _split(characters: Characters) -> Iterator[Characters]:
    word: list[tuple[int, str]] = []
    for place, char in [*characters, (-1, " ")]:
        if char != " ":
            word.append((place, char))
        elif word:
            yield word
            word = []
