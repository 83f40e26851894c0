from __future__ import annotations

import numpy as np
import pytest

from ocr_core.script.windows import HEIGHT, MAX_WINDOWS, WIDTH, cut_windows, to_ink


def strokes(rows: int, columns: int) -> np.ndarray:
    image = np.full((rows, columns), 230, np.uint8)
    image[rows // 3 : 2 * rows // 3, :: max(2, rows // 4)] = 20
    return image


@pytest.mark.parametrize("shape", [(0, 0), (0, 50), (1, 1), (1, 500), (500, 1)])
def test_images_too_small_to_hold_writing_give_no_windows(shape):
    cut = cut_windows(np.zeros(shape, np.uint8))
    assert cut.windows.shape == (0, HEIGHT, WIDTH)
    assert cut.ink.shape == (0,)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_plain_images_give_no_windows(value):
    assert len(cut_windows(np.full((60, 900), value, np.uint8)).windows) == 0


@pytest.mark.parametrize("shape", [(2, 2), (3, 4000), (2000, 10), (64, 64), (90, 1200), (40, 120)])
def test_any_size_gives_windows_in_range(shape):
    cut = cut_windows(strokes(*shape))
    assert cut.windows.shape[1:] == (HEIGHT, WIDTH)
    assert len(cut.windows) <= MAX_WINDOWS
    assert cut.windows.dtype == np.float32
    assert np.all((cut.windows >= 0) & (cut.windows <= 1))


def test_a_longer_line_gives_more_windows_up_to_the_limit():
    counts = [len(cut_windows(strokes(80, columns)).windows) for columns in (100, 600, 1200, 9000)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == MAX_WINDOWS


def test_windows_cover_both_ends():
    image = np.full((80, 1200), 230, np.uint8)
    image[30:50, :40] = 10
    image[30:50, -40:] = 10
    assert len(cut_windows(image).windows) == 2


def test_uneven_light_is_taken_out():
    rows, columns = 80, 800
    even = strokes(rows, columns)
    shade = np.linspace(0.5, 1.0, columns)
    shaded = np.rint(even * shade).astype(np.uint8)
    assert np.abs(to_ink(even) - to_ink(shaded)).mean() < 0.1


def test_grain_of_paper_is_not_ink():
    grain = np.random.default_rng(0).normal(215, 4, (90, 1000)).clip(0, 255).astype(np.uint8)
    assert len(cut_windows(grain).windows) == 0
