"""Pictures of characters: whichever way round, however large, wherever the ink is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.recognizers.glyphs.picture import (
    COMPACT_INK,
    COMPACT_SIDE,
    compact_picture,
    frame_of,
    glyph_picture,
    ink_of,
    lifted,
    published_picture,
)


def beh(side: int = 64, *, at: tuple[int, int] = (32, 30), size: int = 16) -> np.ndarray:
    """A bowl with a dot under it, white on black."""
    picture = np.zeros((side, side), np.uint8)
    cv2.ellipse(picture, at, (size, size // 2), 0, 0, 180, 255, max(2, size // 8), cv2.LINE_AA)
    cv2.circle(picture, (at[0], at[1] + size), max(1, size // 8), 255, -1, cv2.LINE_AA)
    return picture


def test_ink_is_light_whichever_way_round() -> None:
    picture = beh()
    assert np.array_equal(ink_of(picture), picture)
    assert np.array_equal(ink_of(255 - picture), picture)
    faint = (200 - picture.astype(np.int32) * 100 // 255).astype(np.uint8)
    assert np.abs(ink_of(faint).astype(int) - picture).max() <= 4


@pytest.mark.parametrize("value", [0, 120, 255])
def test_an_empty_picture_has_no_ink(value: int) -> None:
    empty = np.full((20, 30), value, np.uint8)
    empty[5, 5] = min(value + 8, 255)
    assert not ink_of(empty).any()
    assert not compact_picture(ink_of(empty)).any()
    assert not glyph_picture(ink_of(empty), "published").any()


def test_the_frame_leaves_dirt_out_and_keeps_faint_dots() -> None:
    picture = beh(128, at=(64, 60), size=32)
    before = frame_of(picture)
    dirty = picture.copy()
    dirty[4, 120] = 255  # a speck
    dirty[126:, 20:26] = 255  # what the cropping left of a line below
    assert frame_of(dirty) == before
    assert before is not None
    faint = picture.copy()
    faint[84:] //= 4
    assert 0 < faint[84:].max() < 70
    after = frame_of(faint)
    assert after is not None
    assert after.y == pytest.approx(before.y, abs=2)
    assert after.side == pytest.approx(before.side, abs=4)
    without = frame_of(picture * (np.arange(128) < 84)[:, None].astype(np.uint8))
    assert without is not None
    assert without.y < before.y - 4


def test_the_faintest_dot_is_in_the_frame_on_clean_ground_but_grain_is_not() -> None:
    picture = beh(32, at=(16, 14), size=8)
    before = frame_of(picture)
    assert before is not None
    faint = picture.copy()
    faint[20:] = faint[20:] // 12
    assert 10 < faint[20:].max() < 25
    after = frame_of(faint)
    assert after is not None
    assert (after.x, after.y, after.side) == pytest.approx((before.x, before.y, before.side), abs=2)
    large = beh(128, at=(64, 60), size=32)
    grain = np.abs(np.random.default_rng(4).normal(0, 7, large.shape))
    found, clean = frame_of(np.clip(large + grain, 0, 255).astype(np.uint8)), frame_of(large)
    assert found is not None
    assert clean is not None
    assert (found.x, found.y, found.side) == pytest.approx((clean.x, clean.y, clean.side), abs=3)


def test_lifting_shows_faint_ink_and_leaves_black_and_white() -> None:
    values = np.array([[0, 16, 64, 255]], np.uint8)
    assert lifted(values).tolist() == [[0, 64, 128, 255]]  # 255 √(16 / 255) = 63.87


@pytest.mark.parametrize(
    ("side", "at", "size"), [(64, (20, 40), 16), (200, (90, 60), 48), (900, (500, 400), 300)]
)
def test_size_and_place_do_not_matter(side: int, at: tuple[int, int], size: int) -> None:
    reference = compact_picture(beh()).astype(int)
    found = compact_picture(beh(side, at=at, size=size)).astype(int)
    assert np.abs(found - reference).mean() < 12
    rows, columns = np.nonzero(found > 100)
    assert 0.5 * (rows.min() + rows.max()) == pytest.approx((COMPACT_SIDE - 1) / 2, abs=1)
    assert 0.5 * (columns.min() + columns.max()) == pytest.approx((COMPACT_SIDE - 1) / 2, abs=1)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(COMPACT_INK, abs=2)


def test_the_published_picture_is_the_whole_picture_made_square() -> None:
    wide = np.zeros((32, 64), np.uint8)
    wide[:, 10:20] = 255
    picture = published_picture(wide)
    assert picture.shape == (64, 64)
    assert picture[16:48, 11:19].min() == 255
    assert picture[:15].max() == picture[50:].max() == 0
