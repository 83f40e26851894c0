"""Outlines of lines whose ink is drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.layout.outline import outline
from ocr_core.layout.ridges import Ridge

PITCH = 40.0
RIDGE = Ridge(50, np.full(900, 100.0), 1.0, PITCH)


def _extent(words: list[tuple[int, int]]) -> tuple[float, float]:
    """First and last x of the baseline of a line whose ink is solid in these columns and 20 pixels high."""
    mask = np.zeros((200, 1000), bool)
    for x0, x1 in words:
        mask[90:110, x0:x1] = True
    ys, xs = np.nonzero(mask)
    shape = outline(RIDGE, xs, ys, np.ones(len(xs), np.float32), below=10.0)
    assert shape is not None
    return float(shape[1][0, 0]), float(shape[1][-1, 0])


@pytest.mark.parametrize("narrow", [(300, 308), (600, 608)])
def test_a_line_goes_on_beyond_a_narrow_word_that_stands_alone(narrow: tuple[int, int]) -> None:
    """Such as "a", "&" or a dash with room on both sides."""
    words = [(60, 260), (345, 560), narrow, (650, 900)]
    assert _extent(words) == (60, 899)


def test_stray_marks_beyond_the_last_words_are_left_out() -> None:
    assert _extent([(60, 66), (110, 114), (200, 500), (540, 700), (760, 768), (900, 904)]) == (200, 699)
