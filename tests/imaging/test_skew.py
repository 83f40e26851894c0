from __future__ import annotations

import numpy as np
import pytest

from ocr_core.imaging.skew import estimate_skew
from tests.imaging.drawn import paper, turned, write


@pytest.mark.parametrize("angle", [-18.0, -14.5, -6.25, -0.5, 0.0, 0.3, 4.0, 11.1, 14.9])
def test_the_angle_of_a_turned_page_is_found(angle: float) -> None:
    page = turned(write(paper(grain=2), list(range(150, 1300, 70))), angle)
    found = estimate_skew(page)
    assert found.angle_deg == pytest.approx(angle, abs=0.1)
    assert found.confidence > 0.5


def test_an_empty_page_has_no_angle() -> None:
    assert estimate_skew(np.full((500, 400), 255, np.uint8)).confidence == 0


def test_scattered_dots_have_no_trusted_angle() -> None:
    page = np.full((1000, 800), 255, np.uint8)
    rng = np.random.default_rng(0)
    for y, x in zip(rng.integers(5, 990, 400), rng.integers(5, 790, 400), strict=True):
        page[y : y + 4, x : x + 4] = 0
    assert estimate_skew(page).confidence < 0.5


@pytest.mark.parametrize("angle", [-13.0, -4.2, 0.7, 9.5, 14.5])
def test_lines_of_several_slopes_turn_with_the_page(angle: float) -> None:
    page = paper(grain=2)
    slopes = np.random.default_rng(3).uniform(-2.0, 3.5, 10)
    for k, slope in enumerate(slopes):
        line = turned(write(np.full_like(page, 255), [150 + 115 * k]), slope)
        page = np.minimum(page, line)
    before = estimate_skew(page).angle_deg
    assert slopes.min() < before < slopes.max()
    assert estimate_skew(turned(page, angle)).angle_deg - before == pytest.approx(angle, abs=0.1)


def test_beyond_the_range_nothing_is_trusted() -> None:
    page = turned(write(paper(grain=2), list(range(150, 1300, 70))), 12.0)
    assert estimate_skew(page, max_deg=5.0).confidence == 0
