"""The picture of a whole page: upright, and no larger than asked for."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.imaging.geometry import page_picture


@pytest.mark.parametrize(
    ("rotation", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))]
)
def test_it_is_turned_clockwise(rotation: int, corner: tuple[int, int]) -> None:
    page = np.full((60, 40), 200, np.uint8)
    page[0, 0] = 7
    turned = page_picture(page, rotation, 10_000)
    assert turned.shape == ((60, 40) if rotation in (0, 180) else (40, 60))
    assert turned[corner] == 7
    assert (turned == 7).sum() == 1


def test_it_is_reduced_to_its_area_and_keeps_its_proportions() -> None:
    page = np.full((3000, 2000), 180, np.uint8)
    reduced = page_picture(page, 0, 1_440_000)
    assert 1_430_000 < reduced.size <= 1_440_000
    assert reduced.shape[0] / reduced.shape[1] == pytest.approx(1.5, abs=0.01)
    assert (reduced == 180).all()
