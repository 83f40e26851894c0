from __future__ import annotations

import numpy as np
import pytest

from ocr_core.imaging.clean import clean_page
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.learned.baselines import Baseline
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.protocol import Segmenter
from ocr_core.layout.spread import LEFT, RIGHT, Gutter, cut_at, in_order
from ocr_core.records import Line
from tests.imaging.drawn import Page, paper, turned, write

LINES = list(range(160, 960, 75))
SOLID = np.ones((100, 260), np.uint8)


@pytest.fixture(params=[LayoutMethod.LEARNED, LayoutMethod.CLASSICAL])
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return segmenter_for(request.param)


def spread(right: list[int] | None = None, apart: int = 120) -> Page:
    """Two pages side by side, their columns `apart` pixels from each other."""
    page = write(paper(1100, 1560, grain=2), LINES, x=70, text="All that is on the left")
    return write(page, LINES if right is None else right, x=760 + apart, text="and what is on the right")


def found(page: Page, segmenter: Segmenter) -> tuple[Line, ...]:
    return segmenter.segment(clean_page(page), "p").lines


@pytest.mark.parametrize("angle", [0.0, 2.5])
def test_the_left_page_is_read_before_the_right_one(segmenter: Segmenter, angle: float) -> None:
    lines = found(turned(spread(), angle), segmenter)
    assert [line.region for line in lines] == [LEFT] * len(LINES) + [RIGHT] * len(LINES)
    for half in (lines[: len(LINES)], lines[len(LINES) :]):
        assert [line.box.y0 for line in half] == sorted(line.box.y0 for line in half)


def test_the_shade_of_the_gutter_does_not_matter(segmenter: Segmenter) -> None:
    shade = 1 - 0.7 * np.exp(-np.abs(np.arange(1560) - 790) / 25)
    lines = found((spread() * shade).astype(np.uint8), segmenter)
    assert [line.region for line in lines] == [LEFT] * len(LINES) + [RIGHT] * len(LINES)


def test_a_heading_across_both_columns_is_not_cut(segmenter: Segmenter) -> None:
    page = spread([y for y in LINES if y > 200])
    page[: LINES[0] + 30] = 225
    page = write(page, [110], x=300, text="A heading that is written across both of the columns", size=1.0)
    lines = found(page, segmenter)
    assert {line.region for line in lines} == {"text"} and lines[0].box.width > 700


def test_an_upright_page_has_no_gutter(segmenter: Segmenter) -> None:
    page = write(paper(), list(range(150, 1300, 70)), x=60, text="one column")
    page = write(page, list(range(150, 1300, 70)), x=600, text="two column")
    assert {line.region for line in found(page, segmenter)} == {"text"}


def test_lines_that_run_over_the_gutter_are_cut_there() -> None:
    line = Baseline(10, np.full(200, 50.0), 20, 8, 0.9)
    left, right = cut_at(Gutter(100, 0.2, 5), [line], SOLID, 20)  # at y = 50 the gutter is at 110
    assert (left.x0, left.x1, right.x0, right.x1) == (10, 110, 110, 210)
    assert cut_at(Gutter(205, 0.0, 5), [line], SOLID, 20) == [line] == cut_at(None, [line], SOLID, 20)


def test_what_a_line_has_of_another_on_the_next_page_is_left_to_that() -> None:
    gutter = Gutter(100, 0.0, 5)
    over = Baseline(10, np.full(105, 50.0), 20, 8, 0.9)  # ends 15 pixels beyond the gutter
    next_to = Baseline(112, np.full(90, 52.0), 20, 8, 0.9)
    lower = Baseline(112, np.full(90, 90.0), 20, 8, 0.9)
    [kept, other] = cut_at(gutter, [over, next_to], SOLID, 20)
    assert (kept.x0, kept.x1) == (10, 100)
    assert other is next_to
    assert cut_at(gutter, [over, lower], SOLID, 20) == [over, lower]  # else the end of a word would be lost
    back = Baseline(90, np.full(110, 50.0), 20, 8, 0.9)
    before = Baseline(0, np.full(88, 50.0), 20, 8, 0.9)
    [_, kept] = cut_at(gutter, [before, back], SOLID, 20)
    assert (kept.x0, kept.x1) == (100, 200)


def test_a_line_is_cut_between_words_though_the_gutter_is_a_little_off() -> None:
    mask = np.zeros((100, 260), np.uint8)
    mask[35:52, 10:121] = mask[35:52, 141:210] = 1  # the last word of the left page ends beyond the gutter
    mask[35:52, 60:64] = 0
    line = Baseline(10, np.full(200, 50.0), 20, 8, 0.9)
    left, right = cut_at(Gutter(112, 0.0, 5), [line], mask, 20)
    assert (left.x1, right.x0) == (131, 131)


def test_a_slanting_gutter_divides_by_where_lines_stand() -> None:
    boxes = np.array([[0, 0, 90, 10], [110, 0, 200, 10], [60, 90, 150, 100], [170, 90, 250, 100]], float)
    order = in_order(Gutter(100, 0.6, 5), boxes)
    assert order == [(0, LEFT), (2, LEFT), (1, RIGHT), (3, RIGHT)]
