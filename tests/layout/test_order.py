from __future__ import annotations

import numpy as np

from ocr_core.layout.order import reading_order

LEFT = [(0, y, 400, y + 20) for y in (100, 150, 200)]
RIGHT = [(500, y, 900, y + 20) for y in (90, 140, 210)]
TITLE, FOOT = (100, 10, 800, 40), (100, 300, 800, 320)


def _order(boxes: list[tuple[int, int, int, int]], *, rtl: bool = False) -> list[tuple[int, int, int, int]]:
    shuffled = [boxes[i] for i in np.random.default_rng(0).permutation(len(boxes))]
    return [shuffled[i] for i in reading_order(np.array(shuffled, float), rtl=rtl)]


def test_lines_follow_from_top_to_bottom() -> None:
    assert _order(LEFT) == LEFT


def test_columns_are_read_one_after_the_other_between_title_and_foot() -> None:
    boxes = [TITLE, *LEFT, *RIGHT, FOOT]
    assert _order(boxes) == boxes


def test_the_right_column_comes_first_when_reading_from_the_right() -> None:
    assert _order([TITLE, *LEFT, *RIGHT, FOOT], rtl=True) == [TITLE, *RIGHT, *LEFT, FOOT]


def test_a_letterhead_on_the_right_comes_before_the_salutation_on_the_left() -> None:
    head = [(600, 20, 900, 40), (620, 60, 900, 80)]
    text = [(50, 150, 300, 170), *[(40, y, 900, y + 20) for y in (200, 250, 300)]]
    assert _order([*head, *text]) == [*head, *text]


def test_nothing_and_one_line() -> None:
    assert reading_order(np.zeros((0, 4))) == []
    assert reading_order(np.array([[0.0, 0, 1, 1]])) == [0]


def test_every_line_comes_once_whatever_the_boxes() -> None:
    boxes = np.random.default_rng(3).integers(0, 50, (60, 2, 2)).cumsum(axis=1).reshape(60, 4).astype(float)
    assert sorted(reading_order(boxes)) == list(range(60))
