"""Pages that are hard to prepare: none crashes, none without writing has lines, and those with writing keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.imaging.clean import clean_page, to_grey
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.crops import crop_lines
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.protocol import Segmenter
from ocr_core.records import CleanPage, Line
from tests.imaging.drawn import Page, paper, write


@pytest.fixture(scope="module", params=[LayoutMethod.LEARNED, LayoutMethod.CLASSICAL])
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return segmenter_for(request.param)


@pytest.fixture(scope="module")
def letter(samples: Path) -> Page:
    page = cv2.imread(str(samples / "letters" / "JDH_2_16_145_001.jpg"), cv2.IMREAD_GRAYSCALE)
    return np.asarray(page, np.uint8)


def prepared(page: Page, segmenter: Segmenter) -> tuple[CleanPage, tuple[Line, ...]]:
    clean = clean_page(page)
    lines = segmenter.segment(clean, "p").lines
    pictures = crop_lines(to_grey(page), lines)
    assert len(pictures) == len(lines) and all(min(p.pixels.shape) >= 4 for p in pictures)
    return clean, lines


def photographed(page: Page) -> Page:
    """From a little aside, on a dark table, lit from one corner."""
    height, width = page.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners * 0.86 + np.array([[150, 100], [60, 160], [100, 60], [90, 150]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    photo = cv2.warpPerspective(page, matrix, (width, height), borderValue=35)
    y, x = np.mgrid[:height, :width]
    light = 0.45 + 0.55 * np.exp(-(((x / width - 0.8) ** 2 + (y / height - 0.2) ** 2) * 1.2))
    return (photo * light).astype(np.uint8)


def bound(page: Page) -> Page:
    """As it lies in a thick volume: bent down into the fold on the left, and dark there."""
    height, width = page.shape
    fold = np.exp(-np.arange(width) / (0.18 * width))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bent = cv2.remap(
        page, x, (y - 90 * fold).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return (bent * (1 - 0.5 * fold)).astype(np.uint8)


def stained(page: Page) -> Page:
    """With the ring of a cup and a spill."""
    height, width = page.shape
    y, x = np.mgrid[:height, :width]
    away = np.hypot(x - 0.6 * width, y - 0.4 * height)
    ring = 70 * np.exp(-(((away - 250) / 18) ** 2))
    spill = 55 / (1 + np.exp((np.hypot(x - 0.3 * width, y - 0.7 * height) - 200) / 4))
    return np.clip(page - ring - spill, 0, 255).astype(np.uint8)


def framed(page: Page) -> Page:
    """On a black ground that ends before the picture does."""
    dark = cv2.copyMakeBorder(page, 90, 90, 70, 70, cv2.BORDER_CONSTANT, value=12)
    return np.asarray(cv2.copyMakeBorder(dark, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=250), np.uint8)


def on_its_head(page: Page) -> Page:
    return np.ascontiguousarray(page[::-1, ::-1])


def huge(page: Page) -> Page:
    return np.asarray(cv2.resize(page, None, fx=3, fy=3), np.uint8)


@pytest.mark.parametrize("spoil", [photographed, bound, stained, framed, on_its_head, huge])
def test_spoilt_pages_keep_their_lines(
    letter: Page, segmenter: Segmenter, spoil: Callable[[Page], Page]
) -> None:
    _, plain = prepared(letter, segmenter)
    clean, lines = prepared(spoil(letter), segmenter)
    assert len(lines) == pytest.approx(len(plain), abs=max(2, 0.15 * len(plain)))
    assert clean.rotation == (180 if spoil is on_its_head else 0)


def test_a_page_on_its_head_has_the_pictures_of_the_upright_one(letter: Page) -> None:
    segmenter = segmenter_for(LayoutMethod.LEARNED)
    _, plain = prepared(letter, segmenter)
    page = on_its_head(letter)
    _, lines = prepared(page, segmenter)
    assert len(lines) == pytest.approx(len(plain), abs=1)
    first, again = (
        cv2.resize(crop_lines(p, found)[3].pixels, (400, 40), interpolation=cv2.INTER_AREA)
        for p, found in ((letter, plain), (page, lines))
    )
    assert np.corrcoef(first.ravel(), again.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "page",
    [
        paper(),
        np.zeros((1400, 1000), np.uint8),
        np.full((1400, 1000), 255, np.uint8),
        photographed(paper()),
        stained(paper()),
        framed(paper()),
        np.full((1, 1), 0, np.uint8),
        np.full((3, 900), 128, np.uint8),
        paper(5200, 4000),
    ],
    ids=["paper", "black", "white", "photographed", "stained", "framed", "pixel", "strip", "huge"],
)
def test_a_page_without_writing_has_no_lines(page: Page, segmenter: Segmenter) -> None:
    clean, lines = prepared(page, segmenter)
    assert not lines and clean.rotation == 0


@pytest.mark.parametrize("spoil", [lambda page: page, framed])
def test_a_single_word_is_one_line(segmenter: Segmenter, spoil: Callable[[Page], Page]) -> None:
    clean, lines = prepared(spoil(write(paper(), [700], text="Amen", x=400)), segmenter)
    assert len(lines) == 1 and clean.rotation == 0


@pytest.mark.parametrize("spoil", [photographed, stained])
def test_a_single_word_is_among_what_is_found_on_a_spoilt_page(
    segmenter: Segmenter, spoil: Callable[[Page], Page]
) -> None:
    blank = paper(grain=0)
    place = np.argwhere(spoil(blank) != spoil(write(blank, [700], text="Amen", x=400)))
    (top, left), (bottom, right) = place.min(axis=0), place.max(axis=0)
    clean, lines = prepared(spoil(write(paper(), [700], text="Amen", x=400)), segmenter)
    boxes = [line.box for line in lines]
    assert any(b.x0 < left + 15 and b.x1 > right - 15 and b.y0 < bottom and b.y1 > top for b in boxes)
    assert clean.rotation == 0


@pytest.mark.parametrize("side", [9, 24, 47, 60])
def test_tiny_pages_pass(segmenter: Segmenter, side: int) -> None:
    page = np.full((side, 2 * side), 230, np.uint8)
    page[side // 3 : 2 * side // 3, side // 2 : side] = 20
    prepared(page, segmenter)
