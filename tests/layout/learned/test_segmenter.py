"""The packaged network at work, and what stands in for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.errors import ModelError
from ocr_core.imaging.clean import clean_page
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.layout.learned.maps import LineMaps, packaged_network
from ocr_core.layout.learned.segmenter import LearnedSegmenter
from ocr_core.layout.method import LayoutMethod
from ocr_core.models.opencv import load_network
from ocr_core.records import CleanPage, GreyImage
from tests.imaging.drawn import paper, turned, write

LINES = list(range(150, 1300, 70))


@pytest.fixture(scope="module")
def learned() -> LearnedSegmenter:
    segmenter = segmenter_for(LayoutMethod.LEARNED)
    assert isinstance(segmenter, LearnedSegmenter)
    return segmenter


def _nothing(grey: GreyImage) -> LineMaps:
    half, quarter = ((-(-grey.shape[0] // n), -(-grey.shape[1] // n)) for n in (2, 4))
    empty = np.zeros(half, np.float32)
    return LineMaps(empty, empty, *np.full((2, *quarter), 16, np.float32))


def test_each_line_is_found_on_its_baseline(learned: LearnedSegmenter) -> None:
    lines = learned.segment(clean_page(write(paper(), LINES)), "p").lines
    levels = [float(np.median([y for _, y in line.baseline])) for line in lines]
    assert levels == pytest.approx(LINES, abs=6)
    assert [line.line_id for line in lines] == [f"p-{n:04}" for n in range(len(LINES))]


def test_polygons_hold_the_ink_of_their_line_and_no_neighbours(learned: LearnedSegmenter) -> None:
    page = write(np.full((1400, 1000), 255, np.uint8), LINES)
    for line, y in zip(learned.segment(clean_page(page), "p").lines, LINES, strict=True):
        ink = np.argwhere(page[y - 35 : y + 20] < 128) + [y - 35, 0]
        assert line.box.y0 <= ink[:, 0].min() and line.box.y1 > ink[:, 0].max() - 1
        assert line.box.x0 <= ink[:, 1].min() and line.box.x1 > ink[:, 1].max()
        assert line.box.y0 > y - 70 and line.box.y1 < y + 45


def test_lines_of_a_skewed_page_come_in_original_pixels(learned: LearnedSegmenter) -> None:
    page = turned(write(paper(), LINES), 6.0)
    lines = learned.segment(clean_page(page), "p").lines
    assert len(lines) == len(LINES)
    for line in lines:
        (x0, y0), (x1, y1) = line.baseline[0], line.baseline[-1]
        assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(6, abs=1)


def test_a_letter_of_the_samples_has_the_lines_a_reader_counts(
    learned: LearnedSegmenter, samples: Path
) -> None:
    page = next(samples.rglob("JDH_2_16_144_001.jpg"))
    grey = cv2.imread(str(page), cv2.IMREAD_GRAYSCALE)
    truth = (samples.parent / "ground_truth" / "JDH_2_16_144_001.xml").read_text("utf-8").count("<TextLine")
    assert len(learned.segment(clean_page(np.asarray(grey, np.uint8)), "p").lines) == pytest.approx(
        truth, abs=2
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (40, 40), (33, 900), (1200, 47)])
def test_pages_of_any_shape_without_ink_have_no_lines(
    learned: LearnedSegmenter, shape: tuple[int, int]
) -> None:
    for shade in (0, 120, 255):
        page = CleanPage(np.full(shape, shade, np.uint8), np.array([[1.0, 0, 0], [0, 1, 0]]))
        assert learned.segment(page, "p").lines == ()


def test_maps_cover_the_page_whatever_its_size() -> None:
    page = write(np.full((301, 457), 255, np.uint8), [100, 170])
    maps = packaged_network()(page)
    assert maps.baseline.shape == maps.ends.shape == (151, 229)
    assert maps.above.shape == maps.below.shape == (76, 115)
    assert maps.baseline.min() >= 0 and maps.baseline.max() <= 1


def test_strokes_stand_in_where_the_network_finds_nothing() -> None:
    page = clean_page(write(paper(), LINES))
    segmenter = LearnedSegmenter(_nothing, "none")
    assert segmenter.segment(page, "p") == ClassicalSegmenter().segment(page, "p")


def test_methods_are_told_apart_by_name_and_version(learned: LearnedSegmenter) -> None:
    classical = segmenter_for(LayoutMethod.CLASSICAL)
    assert classical.name == "classical" != learned.name
    assert packaged_network().card.sha256[:12] in learned.version
    assert segmenter_for(LayoutMethod.AUTO).version == learned.version


def test_bytes_that_are_no_network_are_refused() -> None:
    with pytest.raises(ModelError, match="broken"):
        load_network(b"no network at all", "broken")
