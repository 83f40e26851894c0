from __future__ import annotations

import numpy as np
import pytest

from ocr_core.imaging.geometry import apply, compose, identity, invert, quarter, reduced, rotate
from ocr_core.imaging.masks import without_solids
from tests.imaging.drawn import paper


@pytest.mark.parametrize("angle", [-15.0, -3.3, 0.0, 0.4, 15.0])
def test_a_mark_on_a_rotated_page_maps_back_to_where_it_was(angle: float) -> None:
    page = np.full((300, 200), 255, np.uint8)
    page[79:82, 149:152] = 0
    straight, to_original = rotate(page, angle)
    ys, xs = np.nonzero(straight < 128)
    back = apply(to_original, np.array([[xs.mean(), ys.mean()]]))[0]
    assert back == pytest.approx([150, 80], abs=0.6)


def test_no_corner_is_lost_and_new_ground_is_white() -> None:
    straight, to_original = rotate(np.full((300, 200), 255, np.uint8), 10)
    corners = apply(invert(to_original), [(0, 0), (199, 0), (199, 299), (0, 299)])
    assert (corners >= -0.5).all() and (corners <= np.array(straight.shape[::-1]) - 0.5).all()
    assert straight.min() == 255


def test_a_map_and_its_inverse_make_the_identity() -> None:
    _, affine = rotate(paper(100, 80), 7)
    assert np.allclose(compose(affine, invert(affine)), identity())


def test_reducing_keeps_small_pages_as_they_are() -> None:
    page = paper(100, 80)
    small, to_page = reduced(page, 200)
    assert small is page and np.array_equal(to_page, identity())


@pytest.mark.parametrize("longest", [300, 170, 50])
def test_a_mark_on_a_reduced_page_maps_back_to_where_it_was(longest: int) -> None:
    page = np.full((600, 401), 255, np.uint8)
    page[96:108, 290:302] = 0
    small, to_page = reduced(page, longest)
    assert max(small.shape) == longest
    ys, xs = np.nonzero(small < 255)
    weights = 255.0 - small[ys, xs]
    middle = np.average(np.stack([xs, ys], axis=1), axis=0, weights=weights)
    assert apply(to_page, middle)[0] == pytest.approx([295.5, 101.5], abs=90 / longest)


def test_solids_go_and_strokes_stay() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[10:60, 10:60] = 1
    mask[80:84, 10:190] = 1
    kept = without_solids(mask, 10)
    assert not kept[10:60, 10:60].any() and kept[80:84, 10:190].all()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_quarter_turn_is_clockwise_and_maps_back(turn: int) -> None:
    page = np.full((60, 40), 255, np.uint8)
    page[5, 30] = 0  # near the upper right corner
    lying, to_page = quarter(page, turn)
    ys, xs = np.nonzero(lying == 0)
    assert apply(to_page, [(float(xs[0]), float(ys[0]))])[0].tolist() == [30, 5]
    right, low = xs[0] > lying.shape[1] / 2, ys[0] > lying.shape[0] / 2
    assert (right, low) == {0: (True, False), 90: (True, True), 180: (False, True), 270: (False, False)}[turn]
