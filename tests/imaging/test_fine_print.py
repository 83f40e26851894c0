"""Pages whose writing is small for their sheet, such as newspapers, are looked at more closely; others are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.imaging.clean import LONGEST, clean_page
from ocr_core.layout.classical import ClassicalSegmenter
from tests.imaging.drawn import Page, paper, write


def _newspaper(columns: int = 3, lines: int = 110) -> Page:
    """Columns of print that is 24 pixels high with its spaces, on a sheet of 3,900 × 2,700 pixels."""
    page = paper(3900, 2700, grain=2.0)
    for column in range(columns):
        for line in range(lines):
            at = (120 + 850 * column, 160 + 33 * line)
            cv2.putText(
                page,
                "resolved that the sum be paid in full",
                at,
                cv2.FONT_HERSHEY_COMPLEX,
                0.9,
                30,
                2,
                cv2.LINE_AA,
            )
    return page


@pytest.fixture(scope="module")
def newspaper() -> Page:
    return _newspaper()


def test_fine_print_on_a_large_sheet_is_found_line_by_line(newspaper: Page) -> None:
    clean = clean_page(newspaper)
    assert max(clean.grey.shape) == 2 * LONGEST
    assert len(ClassicalSegmenter().segment(clean, "p").lines) == pytest.approx(330, abs=10)


def test_a_smaller_scan_of_it_keeps_its_pixels(newspaper: Page) -> None:
    small = np.asarray(cv2.resize(newspaper, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), np.uint8)
    assert max(clean_page(small).grey.shape) == max(small.shape)


@pytest.mark.parametrize(
    "page", [write(paper(4000, 3000), list(range(300, 3800, 150)), size=4), paper(5200, 4000)]
)
def test_large_letters_and_bare_paper_are_reduced_as_ever(page: Page) -> None:
    assert max(clean_page(page).grey.shape) == LONGEST
