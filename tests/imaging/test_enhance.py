from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.imaging.enhance import denoised, enhanced, noise_level, sharpened, sharpness
from ocr_core.imaging.settings import Enhancement, ImagingSettings
from tests.imaging.drawn import Page, paper, write

LINES = list(range(150, 1300, 70))


def letter(grain: float = 1.0) -> Page:
    return write(paper(grain=grain), LINES)


def blurred(page: Page, sigma: float) -> Page:
    return np.asarray(cv2.GaussianBlur(page, (0, 0), sigma), np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 8.0, 20.0])
def test_the_strength_of_noise_is_found_beside_writing(sigma: float) -> None:
    assert noise_level(letter(grain=sigma)) == pytest.approx(sigma, rel=0.15)


def test_sharpness_falls_with_blur() -> None:
    levels = [sharpness(letter()), *(sharpness(blurred(letter(), sigma)) for sigma in (1.0, 2.0, 4.0))]
    assert levels == sorted(levels, reverse=True) and levels[0] > 0.2 > levels[-1]


def test_soft_pages_are_sharpened_and_sharp_ones_stay() -> None:
    soft = blurred(letter(), 3.0)
    assert sharpness(sharpened(soft)) > 1.5 * sharpness(soft)
    assert sharpened(letter()) is not None and np.array_equal(sharpened(letter()), letter())


def test_denoising_takes_noise_and_leaves_strokes() -> None:
    clean, noisy = letter(grain=0.0), letter(grain=12.0)
    page = denoised(noisy)
    assert noise_level(page) < 0.3 * noise_level(noisy)
    ink = clean < 100
    assert page[ink].mean() < 90 and page[~ink].mean() > 200
    assert denoised(clean) is clean


def test_show_through_fades_and_ink_stays() -> None:
    page = letter()
    behind = blurred(
        np.ascontiguousarray(write(np.full_like(page, 255), [y + 35 for y in LINES])[:, ::-1]), 3
    )
    shown = np.clip(page - (255.0 - behind) * 0.14, 0, 255).astype(np.uint8)
    faded = enhanced(shown, [Enhancement.FAINT])
    place = (behind < 120) & (page > 200)
    paper_level = np.median(faded)
    assert np.median(faded[place]) > paper_level - 3 > np.median(shown[place])
    assert np.median(faded[page < 60]) < 80


def test_binarized_pages_are_black_and_white() -> None:
    page = enhanced(letter(), [Enhancement.BINARIZE])
    assert set(np.unique(page)) == {0, 255}
    assert (page[letter() < 60] == 0).mean() > 0.95


@pytest.mark.parametrize("step", list(Enhancement))
@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (7, 7), (40, 30)])
@pytest.mark.parametrize("value", [0, 255])
def test_pages_of_any_size_pass(step: Enhancement, shape: tuple[int, int], value: int) -> None:
    page = enhanced(np.full(shape, value, np.uint8), [step])
    assert page.shape == shape and page.dtype == np.uint8


def test_steps_are_off_unless_asked_for_and_run_in_order() -> None:
    assert ImagingSettings().enhance == ()
    page = letter(grain=6.0)
    assert enhanced(page, ()) is page
    median_last = enhanced(page, [Enhancement.BINARIZE, Enhancement.MEDIAN])
    assert not np.array_equal(median_last, enhanced(page, [Enhancement.MEDIAN, Enhancement.BINARIZE]))
