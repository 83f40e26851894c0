"""Lines to measure: those of pages cut as the pipeline cuts its own, those that come as pictures as they are.

A line or page that cannot be measured becomes an `Omission` with its reason; none disappears.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocr_core.audit.metrics.text import comparable
from ocr_core.audit.omission import Omission
from ocr_core.errors import PageError
from ocr_core.ground_truth import (
    CutLine,
    Points,
    TruthLine,
    TruthPage,
    find_pages,
    is_wanted,
    read_line_folder,
    read_parquet,
)
from ocr_core.imaging.clean import to_grey
from ocr_core.layout.crops import crop_lines
from ocr_core.records import Failure, Line, LineImage, PageImage, Point, SourceFile, as_points, line_id
from ocr_core.sources import identify, read_pages


@dataclass(frozen=True, slots=True)
class MeasuredLine:
    """A line with the text that is written there, as `text.comparable` leaves it, and its picture for an engine."""

    page: str
    line: str
    text: str
    picture: LineImage


def lines_to_measure(
    places: Sequence[Path], only: Sequence[str] = (), images: Sequence[Path] = ()
) -> tuple[Iterator[MeasuredLine | Omission], int | None]:
    """Everything in some ground truth: lines of pages, in the order of places and names, then lines that are pictures.

    Args:
        places: PAGE, ALTO and Parquet files; folders of PAGE and ALTO files, of Parquet files, or of ``*.png`` +
            ``*.gt.txt``, each of one kind.
        only: names of pages, or patterns of them, as for `ground_truth.find_pages`; all if empty.
        images: further folders to look for page images in.

    Returns:
        Lines and omissions; and the number of pages, None where only reading tells it.

    Raises:
        UsageError: see `ground_truth.find_pages`; and, while reading, `read_parquet` and `read_line_folder` there.
    """
    with_pages = [place for place in places if not _holds_cut_lines(place)]
    with_lines = [place for place in places if _holds_cut_lines(place)]
    pages = find_pages(with_pages, only, images) if with_pages else []
    several = len(places) > 1

    def read() -> Iterator[MeasuredLine | Omission]:
        for page in pages:
            yield from _lines_of(page)
        for place in with_lines:
            for cut in _cut_lines(place):
                if is_wanted(cut.page, only):
                    yield _as_it_is(cut, f"{place.name}/{cut.page}" if several else cut.page)

    return read(), None if with_lines else len(pages)


def _holds_cut_lines(place: Path) -> bool:
    """Whether lines come as pictures: of a Parquet file, or of a folder without XML files."""
    return not any(place.glob("*.xml")) if place.is_dir() else place.suffix == ".parquet"


def _cut_lines(place: Path) -> Iterator[CutLine]:
    in_parquet = not place.is_dir() or any(place.glob("*.parquet"))
    return read_parquet(place) if in_parquet else read_line_folder(place)


def _as_it_is(cut: CutLine, page: str) -> MeasuredLine | Omission:
    text, pixels = comparable(cut.text), cut.pixels()
    if pixels is None:
        return Omission(page, cut.name, "its picture cannot be read" if cut.image else "no picture")
    if not text:
        return Omission(page, cut.name, "no text")
    picture = LineImage(line_id(page, 0), pixels, 0.75 * pixels.shape[0], np.eye(2, 3))
    return MeasuredLine(page, cut.name, text, picture)


def _lines_of(page: TruthPage) -> Iterator[MeasuredLine | Omission]:
    if not page.lines:
        yield Omission(page.name, "", "no lines")
    sound: list[TruthLine] = []
    for line in page.lines:
        if not comparable(line.text):
            yield Omission(page.name, line.name, "no text")
        elif not len(line.outline):
            yield Omission(page.name, line.name, "no outline")
        else:
            sound.append(line)
    try:
        pictures = _pictures(page, sound)
    except PageError as error:
        yield Omission(page.name, "", error.message)
        return
    for line, picture in zip(sound, pictures, strict=True):
        yield MeasuredLine(page.name, line.name, comparable(line.text), picture)


def _pictures(page: TruthPage, lines: Sequence[TruthLine]) -> list[LineImage]:
    """The pictures of lines of a page, as the pipeline makes them.

    Raises:
        PageError: the page has no image, one that cannot be read, or one of another size than the ground truth's.
    """
    if page.image is None:
        raise PageError("no-image", "no page image was found", remedy="")
    found = identify(SourceFile(page.image, page.image.parent, page.image.name))
    image = found if isinstance(found, Failure) else next(read_pages([found.page(1)]))
    if not isinstance(image, PageImage):
        raise PageError("bad-image", f"{page.image.name}: {image.message}", remedy=image.remedy)
    height, width = image.pixels.shape[:2]
    if page.size is not None and page.size != (width, height):
        raise PageError(
            "other-size",
            f"{page.image.name} is {width} × {height} pixels, its ground truth says {page.size[0]} × {page.size[1]}",
            remedy="",
        )

    def inside(points: Points) -> tuple[Point, ...]:
        return as_points(np.clip(points, 0, (width - 1, height - 1)))

    cut = [
        Line(line_id(page.name, order), order, inside(line.outline), inside(line.baseline))
        for order, line in enumerate(lines)
    ]
    return crop_lines(to_grey(image.pixels), cut)
