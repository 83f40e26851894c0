"""Pictures for readers of whole pages: straight, the two pages of a spread apart, and their answers put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ocr_core.imaging.clean import clean_page
from ocr_core.imaging.geometry import identity, page_picture
from ocr_core.imaging.skew import estimate_skew
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.spread import LEFT, RIGHT
from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.pipeline.whole_pages.pictures import ALL, page_pictures
from ocr_core.pipeline.whole_pages.read import WholePage, read_whole_pages
from ocr_core.records import (
    CleanPage,
    EngineStamp,
    Failure,
    Line,
    LineImage,
    PagePicture,
    PageRef,
    PageText,
    ReadWord,
    Script,
    SourceFile,
    Stage,
    Transcript,
    line_id,
)
from tests.imaging.drawn import Page, paper, turned, write

PIXELS = 600_000
STAMP = EngineStamp("by-grey", "1")


def pictures_of(page: Page) -> dict[str, Page]:
    clean = clean_page(page)
    lines = segmenter_for(LayoutMethod.CLASSICAL).segment(clean, "p").lines
    return page_pictures(page, clean, lines, PIXELS)


@pytest.mark.parametrize("angle", [0.0, 3.0])
def test_each_page_of_a_spread_has_its_own_picture(angle: float) -> None:
    rows = list(range(160, 960, 75))
    page = write(paper(1100, 1560, grain=2), rows, x=70, text="All that is on the left", ink=20)
    page = turned(write(page, rows, x=880, text="and what is on the right", ink=110), angle)
    pictures = pictures_of(page)
    assert set(pictures) == {LEFT, RIGHT}
    left, right = pictures[LEFT], pictures[RIGHT]
    assert PIXELS < left.size + right.size <= 2.1 * PIXELS
    assert left.min() < 60
    assert right.min() > 80  # nothing of the dark left page
    for picture in (left, right):
        assert abs(estimate_skew(picture).angle_deg) < 0.3


def test_a_page_askew_is_straight_and_a_straight_one_untouched() -> None:
    page = write(paper(), list(range(200, 1200, 70)))
    [(key, straight)] = pictures_of(turned(page, -6.0)).items()
    assert key == ALL
    assert abs(estimate_skew(straight).angle_deg) < 0.2
    assert 0.97 * PIXELS < straight.size <= 1.01 * PIXELS
    level = page_pictures(page, CleanPage(page, identity(), skew_deg=0.4), (), PIXELS)
    assert (level[ALL] == page_picture(page, 0, PIXELS)).all()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pages_that_lie_are_upright_and_straight(rotation: int) -> None:
    lying = np.ascontiguousarray(
        np.rot90(turned(write(paper(), list(range(200, 1200, 70))), 4.0), rotation // 90)
    )
    from ocr_core.imaging.geometry import compose, quarter, rotate

    upright, back = quarter(lying, rotation)
    grey, more = rotate(upright, 4.0)
    clean = CleanPage(grey, compose(back, more), rotation=rotation, skew_deg=4.0)
    picture = page_pictures(lying, clean, (), PIXELS)[ALL]
    assert picture.shape[0] > picture.shape[1]
    assert abs(estimate_skew(picture).angle_deg) < 0.2


@dataclass
class ByGrey:
    """Reads `n1 … n4` on a picture of grey n, a line each; on 7 only that something went wrong, on 9 nothing at all."""

    stamp = STAMP
    invents = True

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        return [Transcript(i.line_id, f"line {i.line_id[-1]}", 1.0, STAMP) for i in images]

    def recognize_pages(self, pages: Sequence[PagePicture]) -> list[PageText | Failure]:
        return [self._read(page) for page in pages]

    def _read(self, page: PagePicture) -> PageText | Failure:
        grey = int(page.pixels[0, 0])
        if grey == 9:
            return Failure("a", Stage.RECOGNIZE, "gpu-error", "lost", "again", page.page_id)
        rows = tuple((ReadWord(f"{grey}{n}", 1.0),) for n in (1, 2))
        return PageText(page.page_id, rows, 1.0, STAMP, ("loop",) if grey == 7 else ())


def spread(left: int, right: int) -> PreparedPage:
    """Four lines, those of the right page first, as on an Arabic spread."""
    name = f"{'d' * 64}-00001"
    lines, images = [], []
    for n, (side, x, y) in enumerate([(RIGHT, 500, 100), (RIGHT, 500, 150), (LEFT, 0, 100), (LEFT, 0, 150)]):
        outline = ((x, y - 20), (x + 400, y - 20), (x + 400, y), (x, y))
        lines.append(Line(line_id(name, n), n, outline, outline[2:][::-1], side))
        images.append(LineImage(line_id(name, n), np.zeros((20, 400), np.uint8), 15, np.eye(2, 3)))
    page = PageRef(name, "d" * 64, 1, SourceFile(Path("/a"), Path("/"), "a"), "image/png")
    grey = {LEFT: np.full((50, 40), left, np.uint8), RIGHT: np.full((50, 40), right, np.uint8)}
    return PreparedPage(
        page, 1000, 200, None, "image", lines=tuple(lines), images=tuple(images), pictures=grey
    )


def texts(found: WholePage | Failure) -> list[str]:
    assert isinstance(found, WholePage)
    assert all(isinstance(line, Transcript) for line in found.lines)
    return [line.text for line in found.lines if isinstance(line, Transcript)]


def test_the_pages_of_a_spread_are_read_apart_and_each_text_stands_on_its_own_lines() -> None:
    single = replace(spread(0, 0), pictures={ALL: np.full((50, 40), 5, np.uint8)})
    single = replace(single, lines=single.lines[:2], images=single.images[:2])
    single = replace(single, page=replace(single.page, page_id=f"{'e' * 64}-00001"))
    two, one = read_whole_pages(ByGrey(), [spread(3, 4), single], Script.ARABIC)
    assert texts(two) == ["41", "42", "31", "32"]
    assert texts(one) == ["51", "52"]


def test_only_the_page_of_a_spread_that_went_wrong_is_read_line_by_line() -> None:
    [found] = read_whole_pages(ByGrey(), [spread(3, 7)], Script.ARABIC)
    assert texts(found) == ["line 0", "line 1", "31", "32"]


def test_a_spread_of_which_one_page_fails_has_failed() -> None:
    [found] = read_whole_pages(ByGrey(), [spread(9, 4)], Script.ARABIC)
    assert isinstance(found, Failure)
    assert found.kind == "gpu-error"
