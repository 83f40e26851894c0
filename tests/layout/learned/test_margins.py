"""Writing up and down margins, on pages drawn and rendered from real lines."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.imaging.clean import clean_page
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.crops import crop_lines
from ocr_core.layout.ink import find_ink
from ocr_core.layout.learned.margins import set_apart, written_margins
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.ridges import Ridge
from ocr_core.records import MARGIN, Line
from tests.imaging.drawn import Page, write

LINES = range(150, 1300, 60)


@pytest.fixture(scope="module")
def letter(samples: Path) -> Page:
    page = cv2.imread(str(samples / "letters" / "JDH_2_16_144_001.jpg"), cv2.IMREAD_GRAYSCALE)
    return np.asarray(page, np.uint8)


def with_margin(letter: Page, side: str, turn: int) -> tuple[Page, Page]:
    """The letter with three of its lines written along a margin, so that they read after a turn; and the strip added."""
    lines = letter[1000:1240, 60:1260]
    strip = np.full((letter.shape[0], 260), int(np.median(letter)), np.uint8)
    strip[500:1700, 10:250] = np.rot90(lines, turn // 90)
    return np.hstack([strip, letter] if side == "left" else [letter, strip]), strip


def lines_of(page: Page) -> tuple[Line, ...]:
    return segmenter_for(LayoutMethod.LEARNED).segment(clean_page(page), "p").lines


@pytest.mark.parametrize(("side", "turn"), [("left", 270), ("left", 90), ("right", 270)])
def test_lines_along_a_margin_are_found_last_and_cut_upright(letter: Page, side: str, turn: int) -> None:
    page, _ = with_margin(letter, side, turn)
    lines = lines_of(page)
    beside = [line for line in lines if line.region == MARGIN]
    assert 2 <= len(beside) <= 4
    assert lines[-len(beside) :] == tuple(beside)
    for line in beside:
        assert line.box.height > 3 * line.box.width
        assert line.box.x1 < 290 if side == "left" else line.box.x0 > page.shape[1] - 290
        rises = line.baseline[-1][1] < line.baseline[0][1]
        assert rises == (turn == 90)
    assert all(image.pixels.shape[1] > 3 * image.pixels.shape[0] for image in crop_lines(page, beside))
    plain = lines_of(letter)
    assert len(lines) - len(beside) == pytest.approx(len(plain), abs=2)


def test_letters_and_level_notes_in_margins_make_none(letter: Page) -> None:
    assert all(line.region != MARGIN for line in lines_of(letter))
    noted = write(np.full((1400, 1000), 255, np.uint8), LINES, x=260)
    for y in LINES[2:16]:
        cv2.putText(noted, f"{y}.", (40, y), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 0, 2)
    assert all(line.region != MARGIN for line in lines_of(noted))


def test_pages_of_few_lines_have_no_margins() -> None:
    page = write(np.full((1400, 1000), 255, np.uint8), [150, 220])
    ink = find_ink(page)
    assert ink is not None
    assert written_margins(page, ink, [Ridge(60, np.full(800, y), 1.0, 60.0) for y in (140, 210)], 60.0) == []


def test_level_lines_keep_what_lies_outside_turned_ones() -> None:
    page = write(np.full((1400, 1000), 255, np.uint8), [150, 220])
    ink = find_ink(page)
    assert ink is not None
    polygon = np.array([(0, 0), (199, 0), (199, 1399), (0, 1399)], float)
    across = Ridge(60, np.full(800, 140.0), 1.0, 60.0)
    within, outside = Ridge(60, np.full(130, 140.0), 1.0, 60.0), Ridge(300, np.full(100, 210.0), 1.0, 60.0)
    left, [ridges] = set_apart([polygon], ink, [across, within, outside])
    assert not left.mask[:, :200].any() and not left.labels[:, :200].any()
    assert (left.mask[:, 200:] == ink.mask[:, 200:]).all()
    assert [(r.x0, r.x1) for r in ridges] == [(200, 860), (300, 400)]
