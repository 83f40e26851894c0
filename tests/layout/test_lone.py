"""Isolated glyphs on drawn pages: found in columns and cells, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.layout.crops import crop_lines
from ocr_core.layout.ink import Ink, find_ink
from ocr_core.layout.lone import box_of, shape_of, standing_apart
from ocr_core.records import CELL, Line, as_points

PLACES = [(x, y) for y in range(300, 900, 120) for x in (150, 400, 650)]


def page_with(places: list[tuple[int, int]], side: int = 0) -> np.ndarray:
    """Two lines of ten letters each above, and letters with a dot at `places`, in cells of `side` pixels where not 0."""
    page = np.full((1000, 800), 225, np.uint8)
    for x, y in [(100 + 40 * n, y) for n in range(10) for y in (100, 170)] + places:
        letter = np.array([(x - 12, y - 12), (x, y + 14), (x + 12, y - 12)], np.int32)
        cv2.polylines(page, [letter], False, (30,), 4, cv2.LINE_AA)
        if (x, y) in places:
            cv2.circle(page, (x, y - 16), 3, (30,), -1, cv2.LINE_AA)
        if side and (x, y) in places:
            cv2.rectangle(page, (x - side // 2, y - side // 2), (x + side // 2, y + side // 2), (60,), 2)
    return page


def ink_of_page(page: np.ndarray) -> Ink:
    ink = find_ink(page)
    assert ink is not None
    return ink


def apart(ink: Ink, lines: tuple[tuple[int, int], ...] = ((60, 200),)) -> list[tuple[int, int, int, int]]:
    """Boxes of what stands apart where ink between two rows belongs to a line."""
    ys, xs = np.nonzero(ink.mask)
    owner = np.full(len(xs), -1)
    for number, (top, bottom) in enumerate(lines):
        owner[(ys >= top) & (ys < bottom)] = number
    found, rows = standing_apart(ink, xs, ys, owner)
    assert 0 not in rows
    return sorted(box_of(ink, parts) for parts in found)


@pytest.mark.parametrize("side", [0, 70])
def test_glyphs_in_columns_and_cells_stand_apart(side: int) -> None:
    found = apart(ink_of_page(page_with(PLACES, side)))
    assert len(found) == len(PLACES)
    for (x, y), (x0, y0, x1, y1) in zip(sorted(PLACES), found, strict=True):
        # With its dot, and without its cell.
        assert abs(x0 - (x - 14)) <= 2
        assert abs(y0 - (y - 20)) <= 2
        assert abs(x1 - (x + 15)) <= 2
        assert abs(y1 - (y + 17)) <= 2


def test_a_row_of_cells_taken_for_a_line_is_dissolved_and_a_line_is_not() -> None:
    ink = ink_of_page(page_with(PLACES))
    rows = tuple((y - 40, y + 40) for y in range(300, 900, 120))
    assert len(apart(ink, ((60, 200), *rows))) == len(PLACES)
    ys, xs = np.nonzero(ink.mask)
    assert list(standing_apart(ink, xs, ys, np.where(ys > 240, (ys - 240) // 120, 5))[1]) == [0, 1, 2, 3, 4]
    # The letters of the two lines above are as large, but not alone.
    assert len(apart(ink, ((60, 130), (130, 200)))) == len(PLACES)


def test_few_glyphs_or_scattered_ones_are_no_form() -> None:
    assert apart(ink_of_page(page_with(PLACES[:5]))) == []
    scattered = [(120 + 83 * n, 300 + (197 * n) % 640) for n in range(8)]
    assert apart(ink_of_page(page_with(scattered))) == []


def test_a_glyph_is_cut_at_its_own_size_whatever_the_lines_are() -> None:
    page = page_with(PLACES)
    ink = ink_of_page(page)
    ys, xs = np.nonzero(ink.mask)
    parts = standing_apart(ink, xs, ys, np.full(len(xs), -1))[0][0]
    polygon, baseline = (as_points(points) for points in shape_of(ink, parts))
    tall = ((90, 40), (500, 40), (500, 210), (90, 210))
    lines = [Line("p-0", 0, tall, ((90, 190), (500, 190))), Line("p-1", 1, polygon, baseline, CELL)]
    line, cell = crop_lines(page, lines)
    x0, y0, x1, y1 = box_of(ink, parts)
    assert line.pixels.shape[0] > 150
    assert y1 - y0 < cell.pixels.shape[0] < 2.2 * (y1 - y0)
    rows, columns = np.nonzero(cell.pixels < 120)
    assert abs(np.ptp(rows) + 1 - (y1 - y0)) <= 4
    assert abs(np.ptp(columns) + 1 - (x1 - x0)) <= 4
