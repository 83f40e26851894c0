from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.imaging.clean import clean_page
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.records import CleanPage, Line
from tests.imaging.drawn import Page, paper, turned, write

LINES = list(range(150, 1300, 70))


def _segment(page: Page) -> tuple[Line, ...]:
    return ClassicalSegmenter().segment(clean_page(page), "p").lines


def _level(line: Line) -> float:
    return float(np.median([y for _, y in line.baseline]))


def test_each_line_is_found_on_its_baseline() -> None:
    lines = _segment(write(paper(), LINES))
    assert [_level(line) for line in lines] == pytest.approx(LINES, abs=5)
    assert [line.order for line in lines] == list(range(len(LINES)))
    assert lines[3].line_id == "p-0003"


def test_polygons_hold_ascenders_and_descenders_and_no_neighbour() -> None:
    page = write(np.full((1400, 1000), 255, np.uint8), LINES)
    for line, y in zip(_segment(page), LINES, strict=True):
        ink = np.argwhere(page[y - 35 : y + 20] < 128) + [y - 35, 0]
        assert line.box.y0 <= ink[:, 0].min() and line.box.y1 > ink[:, 0].max() - 1
        assert line.box.x0 <= ink[:, 1].min() and line.box.x1 > ink[:, 1].max()
        assert line.box.y0 > y - 70 and line.box.y1 < y + 45


def test_lines_of_a_skewed_page_come_in_original_pixels() -> None:
    lines = _segment(turned(write(paper(), LINES), 6.0))
    assert len(lines) == len(LINES)
    for line, y in zip(lines, LINES, strict=True):
        (x0, y0), (x1, y1) = line.baseline[0], line.baseline[-1]
        assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(6.0, abs=0.6)
        # The line's own equation: turned about the middle of the page.
        slope = np.tan(np.radians(6.0))
        expected = 700 + (y - 700) / np.cos(np.radians(6.0)) + slope * ((x0 + x1) / 2 - 500)
        assert (y0 + y1) / 2 == pytest.approx(expected, abs=8)


def test_large_scans_give_the_same_lines_in_their_own_pixels() -> None:
    page = cv2.resize(write(paper(), LINES), None, fx=3.0, fy=3.0)
    levels = [_level(line) / 3 for line in _segment(np.asarray(page, np.uint8))]
    assert levels == pytest.approx(LINES, abs=5)


def test_two_columns_are_not_merged_and_are_read_in_turn() -> None:
    page = paper(1400, 1600)
    left = write(page, LINES, x=60, text="The quick brown fox jumps")
    both = write(left, [y + 20 for y in LINES], x=900, text="over the lazy dog in May")
    lines = _segment(both)
    assert len(lines) == 2 * len(LINES)
    assert all(line.box.x1 < 860 for line in lines[: len(LINES)])
    assert all(line.box.x0 > 840 for line in lines[len(LINES) :])


def test_level_columns_are_not_merged_either() -> None:
    page = write(paper(1400, 1600), LINES, x=60, text="The quick brown fox jumps")
    lines = _segment(write(page, LINES, x=900, text="over the lazy dog in May"))
    assert len(lines) == 2 * len(LINES)


def test_a_single_word_is_one_line() -> None:
    (line,) = _segment(write(paper(), [700], text="Amen", x=400))
    assert 380 < line.box.x0 < 420 and _level(line) == pytest.approx(700, abs=6)


def test_a_picture_cut_close_around_a_line_is_one_line() -> None:
    (line,) = _segment(write(paper(70, 800), [50], x=20))
    assert _level(line) == pytest.approx(50, abs=6)


def test_rules_and_frames_are_no_lines() -> None:
    page = write(paper(), LINES)
    for y in LINES:
        cv2.line(page, (0, y + 12), (999, y + 12), 150, 1)
    cv2.rectangle(page, (20, 20), (980, 1380), 20, 3)
    assert len(_segment(page)) == len(LINES)


def test_an_upside_down_page_gives_as_many_lines() -> None:
    assert len(_segment(np.ascontiguousarray(write(paper(), LINES)[::-1, ::-1]))) == len(LINES)


@pytest.mark.parametrize("shape", [(1, 1), (10, 5000), (5000, 10), (3, 3), (60, 60)])
def test_hostile_sizes_give_no_lines(shape: tuple[int, int]) -> None:
    for value in (0, 255):
        page = CleanPage(np.full(shape, value, np.uint8), np.eye(2, 3))
        assert ClassicalSegmenter().segment(page, "p").lines == ()


def test_noise_and_shades_give_no_lines() -> None:
    ys, xs = np.mgrid[:1400, :1000]
    shade = np.clip(128 + 80 * np.sin(ys / 170) + 40 * np.cos(xs / 90), 0, 255).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (1400, 1000), dtype=np.uint8)
    assert _segment(shade) == () and _segment(noise) == ()


def test_texture_never_becomes_thousands_of_lines() -> None:
    rng = np.random.default_rng(0)
    dots = cv2.GaussianBlur(rng.integers(0, 256, (1200, 1200), dtype=np.uint8), (0, 0), 2)
    page = CleanPage(np.where(dots < 120, 20, 250).astype(np.uint8), np.eye(2, 3))
    assert len(ClassicalSegmenter().segment(page, "p").lines) <= 400
