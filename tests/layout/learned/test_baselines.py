"""From maps to baselines, on maps drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.layout.learned.baselines import Baseline, enlarged, find_baselines
from ocr_core.layout.learned.maps import LineMaps

HEIGHT, WIDTH = 400, 600


def _maps(
    lines: list[tuple[float, float, float, float]],
    ends: list[tuple[float, float]] = (),
    level: float = 0.95,
    above: float = 24.0,
) -> LineMaps:
    """Maps of lines (x0, y0, x1, y1) with end marks at points, all in working pixels."""
    baseline, mark = np.zeros((2, HEIGHT // 2, WIDTH // 2), np.float32)
    for x0, y0, x1, y1 in lines:
        a, b = (round((x0 - 0.5) * 8), round((y0 - 0.5) * 8)), (round((x1 - 0.5) * 8), round((y1 - 0.5) * 8))
        cv2.line(baseline, a, b, level, 3, cv2.LINE_AA, shift=4)
    for x, y in ends:
        cv2.line(mark, (round(x / 2), round(y / 2) - 8), (round(x / 2), round(y / 2) + 5), 0.95, 3)
    reach = np.full((2, HEIGHT // 4, WIDTH // 4), above, np.float32)
    reach[1] = above / 3
    return LineMaps(baseline, mark, reach[0], reach[1])


def _found(maps: LineMaps) -> list[Baseline]:
    return sorted(find_baselines(maps, (HEIGHT, WIDTH))[0], key=lambda b: (round(b.ys.mean() / 10), b.x0))


def test_a_line_is_where_it_was_drawn_to_about_a_pixel_and_knows_its_reach() -> None:
    level, falling = _found(
        _maps(
            [(60, 100, 500, 100), (60, 200, 500, 222)],
            ends=[(60, 100), (500, 100), (60, 200), (500, 222)],
        )
    )
    assert level.ys == pytest.approx(100, abs=1)
    x = np.arange(falling.x0, falling.x1)
    assert falling.ys[10:-10] == pytest.approx((200 + (x - 60) * 22 / 440)[10:-10], abs=1.2)
    for line in (level, falling):
        assert line.x0 == pytest.approx(60, abs=5) and line.x1 == pytest.approx(500, abs=5)
        assert (line.above, line.below) == (pytest.approx(24), pytest.approx(8))


def test_gaps_between_words_are_bridged_and_ends_between_columns_are_not() -> None:
    words = [(60, 100, 200, 100), (220, 102, 300, 101), (330, 100, 500, 100)]
    assert len(_found(_maps(words))) == 1
    columns = _found(_maps(words, ends=[(305, 100), (325, 100)]))
    assert [(c.x0 < 210, c.x1 > 450) for c in columns] == [(True, False), (False, True)]


def test_an_end_mark_cuts_a_baseline_that_runs_through() -> None:
    left, right = _found(_maps([(60, 100, 500, 100)], ends=[(280, 100)]))
    assert left.x1 <= 284 and right.x0 >= 276


def test_an_insertion_between_lines_stays_a_line_of_its_own() -> None:
    lines = _found(_maps([(60, 100, 500, 100), (200, 122, 300, 122), (60, 144, 500, 144)]))
    assert [round(float(line.ys.mean())) for line in lines] == [100, 122, 144]


def test_what_is_nowhere_likely_or_hardly_longer_than_a_dot_is_no_line() -> None:
    assert _found(_maps([(60, 100, 500, 100)], level=0.4)) == []
    assert _found(_maps([(60, 100, 66, 100)])) == []
    assert _found(_maps([])) == []


def test_what_is_half_likely_is_doubtful_unless_it_runs_along_a_line() -> None:
    faint = _maps([(60, 300, 160, 300), (300, 104, 400, 104)], level=0.5).baseline
    maps = _maps([(60, 100, 500, 100)])
    both = LineMaps(np.maximum(maps.baseline, faint), maps.ends, maps.above, maps.below)
    sure, doubtful = find_baselines(both, (HEIGHT, WIDTH))
    assert [round(float(line.ys.mean()), -1) for line in sure] == [100]
    assert [round(float(line.ys.mean()), -1) for line in doubtful] == [300]


def test_a_baseline_of_a_reduced_page_lies_at_the_same_place_of_the_whole_one() -> None:
    line = Baseline(10, np.full(20, 30.0), 8, 4, 0.9)
    whole = enlarged(line, 2.0, 2.0)
    # Pixel 30 of the reduced page covers pixels 60 and 61 of the whole one.
    assert (whole.x0, whole.x1, whole.above, whole.below) == (20, 60, 16, 8)
    assert whole.ys == pytest.approx(60.5)
