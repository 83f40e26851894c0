"""Words without boxes get theirs from the line."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ocr_core.exports.words import divide, from_the_left
from ocr_core.records import Box

BOX = Box(100, 50, 301, 90)
OUTLINE = ((100, 50), (300, 50), (300, 89), (100, 89))


def test_width_follows_length_and_the_line_is_filled() -> None:
    words = divide(["four", "fo", "eightone"], BOX, OUTLINE, "ltr")
    widths = [word.box.width for word in words]
    assert words[0].box.x0 == BOX.x0 and words[-1].box.x1 == BOX.x1
    assert widths[2] == pytest.approx(2 * widths[0], abs=2) and widths[0] == pytest.approx(
        2 * widths[1], abs=2
    )
    assert all(a.box.x1 < b.box.x0 for a, b in pairwise(words))
    assert not any(word.measured for word in words)


def test_vowel_signs_take_no_room() -> None:
    bare, signed = divide(["كتب", "كَتَبَ"], BOX, OUTLINE, "rtl")
    assert bare.box.width == pytest.approx(signed.box.width, abs=1)


def test_heights_follow_a_sloping_outline() -> None:
    slope = ((0, 0), (200, 100), (200, 120), (0, 20))
    left, right = divide(["a", "b"], Box(0, 0, 201, 121), slope, "ltr")
    assert left.box.y0 == 0 and right.box.y1 == 121
    assert left.box.y1 < right.box.y1 - 30 and left.box.y0 < right.box.y0 - 30


@pytest.mark.parametrize(
    ("text", "direction", "seen"),
    [
        ("one two three", "ltr", "one two three"),
        ("واحد اثنان ثلاثة", "rtl", "ثلاثة اثنان واحد"),
        ("قال Hooker Letters هنا", "rtl", "هنا Hooker Letters قال"),
        ("قال Hooker 1890 Letters هنا", "rtl", "هنا Hooker 1890 Letters قال"),
        ("سنة 1890 1891 قال", "rtl", "قال 1891 1890 سنة"),
        ("said أبو عبد الله here", "ltr", "said الله عبد أبو here"),
        ("- 12 .", "rtl", ". 12 -"),
        ("", "rtl", ""),
    ],
)
def test_the_order_that_is_seen(text: str, direction: str, seen: str) -> None:
    """Worked by hand after UAX #9, rules W7, N1, N2 and L2, on whole words."""
    words = text.split()
    assert " ".join(words[i] for i in from_the_left(words, direction)) == seen


def test_a_line_narrower_than_its_words() -> None:
    words = divide(["a"] * 20, Box(5, 0, 8, 9), ((5, 0), (7, 0), (7, 8)), "rtl")
    assert all(5 <= w.box.x0 < w.box.x1 <= 8 and w.box.y0 < w.box.y1 for w in words)
