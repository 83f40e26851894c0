from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from ocr_core.training.synthetic.drawing import Style, draw_text, random_style, render_line
from ocr_core.training.synthetic.fonts import covers, find_fonts
from ocr_core.training.synthetic.paper import degrade, ink_on_paper, rule
from ocr_core.training.synthetic.strokes import repen, thin, warp


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def blob() -> np.ndarray:
    """A ring with a tail and a dot apart: two parts, one hole."""
    image = np.zeros((60, 120), np.uint8)
    cv2.circle(image, (30, 30), 18, 1, 7)
    cv2.line(image, (48, 30), (100, 45), 1, 6)
    cv2.circle(image, (90, 15), 4, 1, -1)
    return image


def parts_and_holes(binary: np.ndarray) -> tuple[int, int]:
    """Eight-connected parts of ink and four-connected parts of ground."""
    framed = np.pad(binary, 1)
    parts = cv2.connectedComponents(framed, connectivity=8)[0] - 1
    holes = cv2.connectedComponents(1 - framed, connectivity=4)[0] - 1
    return parts, holes


def thinned_pixel_by_pixel(image: np.ndarray) -> np.ndarray:
    """Zhang and Suen's algorithm as the paper words it, slowly."""
    image = np.pad(image, 1).astype(int)
    changed = True
    while changed:
        changed = False
        for half in (0, 1):
            gone = []
            for y, x in zip(*np.nonzero(image), strict=True):
                p2, p3, p4, p5, p6, p7, p8, p9 = (
                    image[y + dy, x + dx]
                    for dy, dx in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
                )
                ring = [p2, p3, p4, p5, p6, p7, p8, p9, p2]
                rises = sum(a == 0 and b == 1 for a, b in pairwise(ring))
                first, second = (p2 * p4 * p6, p4 * p6 * p8) if half == 0 else (p2 * p4 * p8, p2 * p6 * p8)
                if 2 <= sum(ring[:-1]) <= 6 and rises == 1 and first == 0 and second == 0:
                    gone.append((y, x))
            for y, x in gone:
                image[y, x] = 0
                changed = True
    return image[1:-1, 1:-1]


def test_thinning_is_that_of_the_paper():
    assert np.array_equal(thin(blob()), thinned_pixel_by_pixel(blob()))


def test_thinning_keeps_parts_and_holes():
    skeleton = thin(blob())
    assert parts_and_holes(skeleton) == parts_and_holes(blob()) == (2, 2)
    assert skeleton.sum() < blob().sum() / 3


def test_a_wider_pen_leaves_more_ink(rng):
    narrow, wide = (repen(blob() * 255, width, np.random.default_rng(3)) for width in (2, 8))
    assert 0 < (narrow > 128).sum() < (wide > 128).sum()


def test_warp_of_nothing_changes_nothing(rng):
    mask = blob() * np.uint8(255)
    assert np.array_equal(warp(mask, rng, 0, 0), mask)


def test_slant_leans_to_the_right(rng):
    mask = np.zeros((80, 80), np.uint8)
    mask[10:70, 38:42] = 255
    leaning = warp(mask, rng, 0, 0.5)
    top, bottom = (np.flatnonzero(leaning[row] > 100).mean() for row in (12, -12))
    assert top > bottom + 10


def test_ink_is_darker_than_paper(rng):
    mask = np.pad(blob() * np.uint8(255), 10)
    for paper in (None, np.full((20, 20), 200, np.uint8)):
        image = ink_on_paper(mask, rng, paper)
        assert image.shape == mask.shape
        assert image.dtype == np.uint8
        assert image[mask > 0].mean() < image[mask == 0].mean() - 30


@pytest.mark.parametrize("step", [lambda i, r: degrade(i, r, 1.0), rule])
def test_wear_keeps_shape_and_input(rng, step):
    image = np.full((70, 300), 210, np.uint8)
    before = image.copy()
    for _ in range(10):
        worn = step(image, rng)
        assert worn.shape == image.shape
        assert worn.dtype == np.uint8
    assert np.array_equal(image, before)


def test_same_seed_gives_the_same_line(arabic_font):
    made = [
        render_line("كتاب التاريخ", arabic_font, rng, random_style(rng, rtl=True, hand=True))
        for rng in (np.random.default_rng(9), np.random.default_rng(9))
    ]
    assert np.array_equal(made[0].pixels, made[1].pixels)
    assert made[0].pixels.shape == made[0].ink.shape
    assert made[0].text == "كتاب التاريخ"


def test_arabic_runs_from_the_right(arabic_font, rng):
    # Logical order in: the long first word must be at the right end.
    mask = draw_text("سسسسسسسسسس ا", arabic_font, rng, Style(size=60, rtl=True))
    columns = np.flatnonzero(mask.max(axis=0) > 100)
    gap = np.argmax(np.diff(columns))
    left, right = columns[: gap + 1], columns[gap + 1 :]
    assert np.ptp(left) < np.ptp(right)


def test_words_of_a_hand_keep_their_order(arabic_font, rng):
    mask = draw_text("سسسسسسسسسس ا", arabic_font, rng, Style(size=60, rtl=True, hand=True))
    columns = np.flatnonzero(mask.max(axis=0) > 100)
    gap = np.argmax(np.diff(columns))
    assert gap + 1 < len(columns) - gap - 1


def test_text_the_font_cannot_draw_is_refused(arabic_font, rng):
    with pytest.raises(ValueError, match="draws nothing"):
        render_line("", arabic_font, rng)
    assert not covers(arabic_font, "\ue123")


def test_a_file_that_is_no_font_covers_nothing(tmp_path):
    fake = tmp_path / "fake.ttf"
    fake.write_bytes(b"not a font")
    assert find_fonts(tmp_path, "a") == []
