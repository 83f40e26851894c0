"""Which strips look like one isolated glyph, on strips drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.records import Box, Line, LineImage
from ocr_core.script.isolated import cut_glyph, glyph_box, isolated_glyphs

BODY = [(40, 30), (60, 70), (80, 30)]


def strip(
    *strokes: list[tuple[int, int]], dots: tuple[tuple[int, int], ...] = (), width: int = 120
) -> np.ndarray:
    """Strokes 6 pixels wide and dots on a strip 100 pixels high."""
    pixels = np.full((100, width), 225, np.uint8)
    for stroke in strokes:
        cv2.polylines(pixels, [np.array(stroke, np.int32)], False, (40,), 6, cv2.LINE_AA)
    for dot in dots:
        cv2.circle(pixels, dot, 4, (40,), -1, cv2.LINE_AA)
    return pixels


def test_a_body_is_found_where_it_is() -> None:
    box = glyph_box(strip(BODY))
    assert box is not None
    assert np.abs(np.array([box.x0, box.y0, box.x1, box.y1]) - (37, 27, 84, 74)).max() <= 2


@pytest.mark.parametrize("dots", [((60, 18),), ((52, 18), (68, 18)), ((52, 20), (60, 12), (68, 20))])
def test_marks_belong_to_the_glyph(dots: tuple[tuple[int, int], ...]) -> None:
    box = glyph_box(strip(BODY, dots=dots))
    assert box is not None
    assert box.y0 <= min(y for _, y in dots)


NOT_GLYPHS = {
    "empty paper": strip(),
    "two bodies": strip(BODY, [(x + 60, y) for x, y in BODY], width=200),
    "four marks": strip(BODY, dots=((30, 15), (50, 15), (70, 15), (90, 15))),
    "a dash": strip([(30, 50), (90, 50)]),
    "a speck": strip(dots=((60, 50),)),
    "a line of text": strip(BODY, *[[(x + 60 * n, y) for x, y in BODY] for n in range(1, 9)], width=640),
    "a rule through the strip": strip([(0, 50), (119, 50)]),
    "an upright stroke from edge to edge": strip([(60, 0), (60, 99)]),
}


@pytest.mark.parametrize("name", NOT_GLYPHS)
def test_other_things_are_none(name: str) -> None:
    assert glyph_box(NOT_GLYPHS[name]) is None


@pytest.mark.parametrize("shape", [(0, 0), (3, 200), (200, 3), (8, 8)])
def test_odd_strips_are_none(shape: tuple[int, int]) -> None:
    assert glyph_box(np.full(shape, 200, np.uint8)) is None


def test_the_sides_of_a_cell_are_left_out() -> None:
    boxed = strip(BODY, width=140)
    cv2.rectangle(boxed, (10, 4), (125, 95), (40,), 2)
    assert glyph_box(boxed) == glyph_box(strip(BODY, width=140))
    box = glyph_box(boxed)
    assert box is not None
    cut = cut_glyph(boxed, box)
    assert min(cut[0].min(), cut[-1].min(), cut[:, 0].min(), cut[:, -1].min()) == 255
    assert cut.min() < 60


def line(x0: int, y0: int, x1: int, y1: int) -> Line:
    return Line("p-0000", 0, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), ((x0, y1), (x1, y1)))


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (line(240, 100, 700, 160), False),  # on its row, close by
        (line(400, 100, 700, 160), True),  # on its row, far off: the next cell
        (line(100, 165, 700, 225), True),  # on the next row
    ],
)
def test_a_glyph_stands_alone_on_its_row(other: Line, alone: bool) -> None:
    images = [
        LineImage("p", strip(BODY), 75, np.eye(2, 3)),
        LineImage("p", strip(width=640), 75, np.eye(2, 3)),
    ]
    found = isolated_glyphs([line(150, 100, 200, 160), other], images)
    assert isinstance(found[0], Box) is alone
    assert found[1] is None
