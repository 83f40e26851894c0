"""Doubtful lines against the ink: components drawn by hand around two lines that are sure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.layout.ink import Ink, find_ink
from ocr_core.layout.learned.borne_out import borne_out
from ocr_core.layout.ridges import Ridge
from tests.imaging.drawn import Page, write

PITCH = 60.0
SURE = [Ridge(60, np.full(860, y - 8.0), 1.0, PITCH) for y in (200, 320)]


def _ink(page: Page) -> Ink:
    ink = find_ink(page)
    assert ink is not None
    return ink


def _ridge(x0: int, x1: int, baseline: float) -> Ridge:
    return Ridge(x0, np.full(x1 - x0, baseline - 5.0), 0.5, 30.0)


@pytest.fixture
def page() -> Page:
    return write(np.full((500, 1000), 255, np.uint8), [200, 320])


def test_a_word_between_lines_is_one(page: Page) -> None:
    cv2.putText(page, "also", (400, 258), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
    word = _ridge(395, 460, 258)
    assert borne_out([word], _ink(page), SURE) == [word]


def test_what_belongs_to_a_sure_line_makes_no_second_one(page: Page) -> None:
    tops, feet = _ridge(100, 400, 190), _ridge(100, 400, 206)
    assert borne_out([tops, feet], _ink(page), SURE) == []


def test_neither_bare_paper_nor_a_speck_nor_a_shadow_bears_a_line_out(page: Page) -> None:
    cv2.circle(page, (420, 255), 4, 0, -1)
    cv2.line(page, (700, 250), (640, 490), 0, 3)
    doubtful = [_ridge(100, 200, 258), _ridge(395, 460, 258), _ridge(640, 720, 440)]
    assert borne_out(doubtful, _ink(page), SURE[:1]) == []
