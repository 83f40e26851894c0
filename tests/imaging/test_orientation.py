"""Which way up pages lie, by the packaged network, on the pages of the shipped archive and on ones that are hard to tell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ocr_core.imaging.clean import clean_page
from ocr_core.imaging.geometry import apply, quarter
from ocr_core.imaging.orientation import estimate_orientation, with_ink
from ocr_core.imaging.settings import ImagingSettings
from tests.imaging.drawn import Page, paper, turned, write

UNTURNED = ImagingSettings(find_orientation=False)
PAGES = [
    "letters/JDH_2_16_145_001.jpg",
    "letters/JDH_2_16_144_002.jpg",
    "print/dracula_page_51.png",
    "arabic/synthetic-arithmetic.jpg",
]


def page_of(samples: Path, name: str) -> Page:
    return np.asarray(cv2.imread(str(samples / name), cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [0.0, -11.0])
def test_pages_are_set_upright_and_map_back(samples: Path, name: str, turn: int, skew: float) -> None:
    page = turned(page_of(samples, name), skew)
    straight = clean_page(page, settings=UNTURNED)
    lying, _ = quarter(page, turn)
    clean = clean_page(lying)
    assert clean.rotation == (360 - turn) % 360
    assert clean.skew_deg == pytest.approx(straight.skew_deg, abs=0.1)
    assert clean.grey.shape == pytest.approx(straight.grey.shape, abs=2)
    # The same place of the clean pages is the same place of the page, whichever way it lay.
    _, to_page = quarter(page, turn)
    place = np.array([[0.3, 0.6]]) * clean.grey.shape[::-1]
    there = apply(to_page, apply(clean.to_original, place))[0]
    assert there == pytest.approx(apply(straight.to_original, place)[0], abs=6)


def test_off_means_as_the_file_has_it(samples: Path) -> None:
    page = np.ascontiguousarray(np.rot90(page_of(samples, PAGES[0]), 2))
    assert clean_page(page, settings=UNTURNED).rotation == 0


@pytest.mark.parametrize(
    "page",
    [
        paper(),
        write(paper(), [700], text="Amen", x=400),
        np.random.default_rng(0).integers(0, 256, (700, 500), dtype=np.uint8),
        np.full((20, 900), 255, np.uint8),
    ],
    ids=["blank", "word", "noise", "strip"],
)
def test_what_cannot_be_told_is_left_alone(page: Page) -> None:
    assert not any(estimate_orientation(np.ascontiguousarray(np.rot90(page, k))).sure for k in range(4))


def test_an_upright_page_is_never_to_be_turned(samples: Path) -> None:
    found = estimate_orientation(clean_page(page_of(samples, PAGES[0])).grey)
    assert found.turn_deg == 0 and found.confidence > 0.6 and not found.sure


@pytest.mark.parametrize("angle", [0.0, 5.0, -6.0])
def test_an_upright_page_in_letters_it_never_saw_is_not_turned(angle: float) -> None:
    page = turned(write(paper(), list(range(150, 1300, 70))), angle)
    assert clean_page(page).rotation == 0


class Hesitant:
    """A network that leans towards what it is shown as it lies, and knows a little better from the corner with most ink.

    Args:
        knows: probability of the right turn; another is 0.42, as it lies.
    """

    def __init__(self, knows: float) -> None:
        self._knows = knows

    def setInput(self, page: NDArray[np.float32]) -> None:
        self._page = page[0, 0]

    def forward(self) -> NDArray[np.float64]:
        height, width = self._page.shape
        corners = [
            self._page[: height // 2, : width // 2], self._page[height // 2 :, : width // 2],
            self._page[height // 2 :, width // 2 :], self._page[: height // 2, width // 2 :],
        ]  # fmt: skip
        # The page has its ink at the top left when it stands upright; turned clockwise by k, a turn by k is missing.
        turn = int(np.argmax([corner.sum() for corner in corners]))
        shares = np.full(4, (0.58 - self._knows) / 3)
        shares[turn] += self._knows
        shares[0] += 0.42
        return np.tile(np.log(shares)[None, :, None, None], (1, 1, height // 16, width // 16))


@pytest.mark.parametrize(("knows", "sure"), [(0.3, True), (0.03, False)])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_in_doubt_is_looked_at_from_all_sides(turn: int, knows: float, sure: bool) -> None:
    page = np.full((1200, 900), 255, np.uint8)
    page[100:1100:40, 100:800] = 0
    page[100:500:8, 100:400] = 0
    lying, _ = quarter(page, (360 - turn) % 360)
    found = estimate_orientation(lying, Hesitant(knows))  # type: ignore[arg-type]
    assert (found.turn_deg, found.sure) == (turn, sure)
    assert not estimate_orientation(page, Hesitant(knows)).sure  # type: ignore[arg-type]


def test_cells_with_ink() -> None:
    page = np.zeros((32, 48), np.float32)
    page[20:24, 36:40] = 1
    assert with_ink(page).tolist() == [[False, False, False], [False, False, True]]
