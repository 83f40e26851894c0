from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.imaging.clean import LONGEST, clean_page, to_grey
from ocr_core.imaging.geometry import apply
from ocr_core.imaging.settings import ImagingSettings
from tests.imaging.drawn import Page, paper, turned, write

LINES = list(range(150, 1300, 70))


def _stain(page: Page) -> Page:
    ys, xs = np.mgrid[: page.shape[0], : page.shape[1]]
    dark = 110 * np.exp(-(((ys - 600) / 220) ** 2 + ((xs - 500) / 180) ** 2))
    return np.clip(page - dark, 0, 255).astype(np.uint8)


def _show_through(page: Page) -> Page:
    behind = write(np.full_like(page, 255), LINES)[:, ::-1]
    soft = cv2.GaussianBlur(behind, (0, 0), 4).astype(float)
    return np.clip(page - (255 - soft) * 0.14, 0, 255).astype(np.uint8)


def _frame(page: Page) -> Page:
    framed = page.copy()
    framed[:50] = framed[-60:] = framed[:, :40] = framed[:, -70:] = 10
    return framed


def _fold(page: Page) -> Page:
    return np.asarray(cv2.line(page.copy(), (500, 0), (504, 1399), 120, 4), np.uint8)


def _dust(page: Page) -> Page:
    dusty = page.copy()
    rng = np.random.default_rng(1)
    for _ in range(80):
        cv2.circle(dusty, (int(rng.integers(1000)), int(rng.integers(1400))), int(rng.integers(1, 3)), 60, -1)
    return dusty


@pytest.mark.parametrize(
    "page",
    [
        paper(),
        paper(grain=14),
        np.zeros((1400, 1000), np.uint8),
        np.full((1400, 1000), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (1400, 1000), dtype=np.uint8),
        _stain(paper()),
        _show_through(paper()),
        _frame(paper()),
        _fold(paper()),
        _dust(paper()),
    ],
    ids=["grain", "coarse", "black", "white", "noise", "stain", "show-through", "frame", "fold", "dust"],
)
def test_a_page_without_writing_is_blank(page: Page) -> None:
    assert clean_page(page).blank


@pytest.mark.parametrize("spoil", [lambda page: page, _stain, _show_through, _frame, _fold, _dust])
def test_one_word_makes_a_page_that_is_not_blank(spoil: object) -> None:
    assert callable(spoil)
    assert not clean_page(write(spoil(paper()), [700], text="Amen", x=400)).blank


def test_blank_pages_are_kept_when_nobody_asks() -> None:
    assert not clean_page(paper(), settings=ImagingSettings(find_blank=False)).blank


def test_a_skewed_page_is_straightened_and_maps_back() -> None:
    page = turned(write(paper(), LINES), 5.0)
    clean = clean_page(page)
    assert clean.skew_deg == pytest.approx(5.0, abs=0.1)
    assert clean.grey.shape[0] > LONGEST
    # The level direction of the clean page is 5° clockwise on the original.
    (x0, y0), (x1, y1) = apply(clean.to_original, [(100, 500), (900, 500)])
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(5.0, abs=0.1)


def test_the_angle_is_stored_and_not_applied_when_deskewing_is_off() -> None:
    clean = clean_page(turned(write(paper(), LINES), 5.0), settings=ImagingSettings(deskew=False))
    assert clean.skew_deg == pytest.approx(5.0, abs=0.1)
    assert clean.to_original[0, 1] == clean.to_original[1, 0] == 0


def test_a_straight_page_is_not_turned() -> None:
    clean = clean_page(write(paper(), LINES))
    assert clean.grey.shape[0] == LONGEST
    assert clean.to_original[0, 1] == clean.to_original[1, 0] == 0


def test_small_pages_keep_their_pixels() -> None:
    page = write(paper(700, 500), [100, 200, 300], text="small")
    clean = clean_page(page)
    assert clean.grey.shape == page.shape and np.array_equal(clean.to_original, [[1, 0, 0], [0, 1, 0]])


def test_uneven_light_is_evened_and_ink_stays_dark() -> None:
    shade = np.linspace(0.45, 1.0, 1000)
    page = (write(paper(), LINES) * shade).astype(np.uint8)
    grey = clean_page(page, settings=ImagingSettings(deskew=False)).grey
    dim, bright = np.median(grey[:, 17:51]), np.median(grey[:, 790:840])
    assert abs(float(dim) - float(bright)) < 8 and dim > 230
    assert np.percentile(grey[:, 70:257], 1) < 110


def test_a_black_surround_becomes_white() -> None:
    grey = clean_page(_frame(write(paper(), LINES, x=100))).grey
    assert grey[:30].min() > 200 and grey[:, -40:].min() > 200


def test_a_black_frame_within_a_white_margin_becomes_white() -> None:
    page = np.full((1600, 1200), 250, np.uint8)
    page[60:-60, 60:-60] = 8
    page[130:-130, 130:-130] = write(paper(1340, 940), list(range(100, 1300, 70)), size=1.0)
    clean = clean_page(page)
    assert np.percentile(clean.grey, 4) > 150 and clean.skew_deg == pytest.approx(0, abs=0.1)


def test_a_dark_plate_stays() -> None:
    page = write(paper(), LINES[:8])
    page[760:1200, 150:850] = 30
    assert (clean_page(page).grey[700:980, 180:680] < 60).mean() > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (10, 5000), (5000, 10), (7, 7), (47, 47), (60, 90)])
@pytest.mark.parametrize("value", [0, 255])
def test_pages_of_any_size_pass(shape: tuple[int, int], value: int) -> None:
    clean = clean_page(np.full(shape, value, np.uint8))
    assert clean.blank and clean.grey.shape == tuple(
        max(1, n * LONGEST // max(LONGEST, *shape)) for n in shape
    )


def test_colour_becomes_luminance() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert to_grey(red)[0, 0] == 76


@pytest.mark.parametrize(
    "pixels", [np.zeros((3, 3), np.float32), np.zeros((0, 5), np.uint8), np.zeros((3, 3, 4), np.uint8)]
)
def test_other_arrays_are_refused(pixels: Page) -> None:
    with pytest.raises(ValueError):
        to_grey(pixels)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError):
        ImagingSettings.model_validate({"deskw": True})
