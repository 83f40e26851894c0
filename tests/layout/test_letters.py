"""How large small letters stand in their strips, on bars of ink whose heights are known."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.layout.letters import x_height_share


def strip(
    small: int, tall: int, height: int = 80, baseline: int = 60, stray: bool = False
) -> tuple[np.ndarray, float]:
    """Letters `small` pixels high, every fifth `tall`, on a baseline; a row of a neighbour's feet at the top if `stray`."""
    image = np.full((height, 600), 235, np.uint8)
    for i, x in enumerate(range(10, 590, 12)):
        image[baseline - (tall if i % 5 == 0 else small) : baseline, x : x + 5] = 30
    if stray:
        image[0:6, 10:590:2] = 30
    return image, float(baseline)


@pytest.mark.parametrize(("small", "tall"), [(16, 45), (24, 45), (36, 50)])
def test_the_share_is_that_of_the_small_letters(small: int, tall: int) -> None:
    assert x_height_share([strip(small, tall)] * 4) == pytest.approx(small / 80, abs=0.03)


def test_a_neighbour_in_the_strip_is_no_letter_of_the_line() -> None:
    assert x_height_share([strip(20, 45, stray=True)] * 4) == pytest.approx(20 / 80, abs=0.03)


def test_few_lines_or_short_ones_say_nothing() -> None:
    assert x_height_share([]) is None
    assert x_height_share([strip(20, 45)] * 2) is None
    short = (strip(20, 45)[0][:, :120], 60.0)
    assert x_height_share([short] * 6) is None


def test_empty_strips_do_no_harm() -> None:
    assert x_height_share([(np.full((40, 300), 255, np.uint8), 30.0)] * 3) is not None
