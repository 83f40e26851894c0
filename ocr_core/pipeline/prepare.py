"""From a page of a file to straight line pictures. Runs in worker processes: nothing here imports torch."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ocr_core.errors import PageError
from ocr_core.imaging.clean import clean_page, to_grey
from ocr_core.imaging.enhance import enhanced
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.crops import crop_lines
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.protocol import Segmenter
from ocr_core.pipeline.whole_pages.pictures import page_pictures
from ocr_core.records import Failure, GreyImage, Line, LineImage, PageImage, PageRef, Point, Stage, TextLine
from ocr_core.sources import ReadSettings, read_pages

log = logging.getLogger(__name__)

_PREVIEW = 200
"""Longer side, in pixels, of a page on which no more than one line can be read: text from several would be made up."""


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """A page that waits for its reader.

    Attributes:
        width, height: of the original page image, in pixels.
        blank: nothing to read; `lines` is empty then.
        images: one picture a line, in the order of `lines`.
        pictures: whole pages, where an engine may want them, as `page_pictures` gives them; else none.
        text_layer: the file's own text, when it is to be taken instead of reading; `lines` is empty then.
        seconds: time spent by stage.
    """

    page: PageRef
    width: int
    height: int
    dpi: float | None
    origin: str
    rotation: int = 0
    skew_deg: float = 0.0
    blank: bool = False
    lines: tuple[Line, ...] = ()
    images: tuple[LineImage, ...] = ()
    pictures: dict[str, GreyImage] = field(default_factory=dict)
    text_layer: tuple[TextLine, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def prepare_pages(
    pages: Sequence[PageRef],
    settings: ReadSettings,
    layout: LayoutMethod = LayoutMethod.AUTO,
    picture_pixels: int = 0,
    imaging: ImagingSettings | None = None,
) -> list[PreparedPage | Failure]:
    """Prepare pages of ONE document. Every page comes back once, in order; a bad one as a `Failure`.

    Args:
        picture_pixels: area of the pictures of whole pages that come along; 0: none do.
    """
    segmenter = segmenter_for(layout)
    imaging = imaging or ImagingSettings()
    prepared: list[PreparedPage | Failure] = []
    started = time.perf_counter()
    for page, image in zip(pages, read_pages(pages, settings=settings), strict=True):
        read_s = time.perf_counter() - started
        prepared.append(
            image
            if isinstance(image, Failure)
            else _prepare(page, image, segmenter, imaging, read_s, picture_pixels)
        )
        started = time.perf_counter()
    return prepared


def _prepare(
    page: PageRef,
    image: PageImage,
    segmenter: Segmenter,
    imaging: ImagingSettings,
    read_s: float,
    picture_pixels: int,
) -> PreparedPage | Failure:
    height, width = image.pixels.shape[:2]
    prepared = PreparedPage(page, width, height, image.dpi, image.origin, seconds={"read": read_s})
    if image.text_layer:
        return replace(prepared, text_layer=image.text_layer)
    clock = _Clock()
    stage = Stage.PREPARE
    try:
        clean = clean_page(image.pixels, settings=imaging)
        clock.lap("clean")
        prepared = replace(prepared, rotation=clean.rotation, skew_deg=clean.skew_deg)
        if clean.blank:
            return replace(prepared, blank=True, seconds=prepared.seconds | clock.seconds)
        stage = Stage.LAYOUT
        lines = tuple(_inside(line, width, height) for line in segmenter.segment(clean, page.page_id).lines)
        clock.lap("layout")
        if len(lines) > 1 and max(width, height) <= _PREVIEW:
            raise PageError(
                "too-small",
                f"The page has {width} × {height} pixels, too few for the letters of several lines.",
                remedy="It looks like a preview: give Warraq the scan itself, or leave this file out.",
            )
        # Crops come from the original pixels, so no engine inherits what cleaning did for the layout.
        grey = to_grey(image.pixels)
        images = tuple(crop_lines(enhanced(grey, imaging.enhance), lines))
        pictures = page_pictures(grey, clean, lines, picture_pixels) if picture_pixels and lines else {}
        clock.lap("crop")
    except PageError as error:
        return failure(page, stage, error)
    except Exception as error:
        log.exception("%s: %s failed", page.page_id, stage)
        return failure(page, stage, unexpected(error))
    return replace(
        prepared,
        blank=not lines,
        lines=lines,
        images=images,
        pictures=pictures,
        seconds=prepared.seconds | clock.seconds,
    )


def _inside(line: Line, width: int, height: int) -> Line:
    """The line with an outline that does not reach over the edge of the page."""

    def clipped(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple((min(max(x, 0), width - 1), min(max(y, 0), height - 1)) for x, y in points)

    return replace(line, polygon=clipped(line.polygon), baseline=clipped(line.baseline))


def failure(page: PageRef, stage: Stage, error: PageError) -> Failure:
    return Failure(
        source_path=page.source.source_path,
        stage=stage,
        kind=error.kind,
        message=error.message,
        remedy=error.remedy,
        page_id=page.page_id,
        doc_id=page.doc_id,
        page_number=page.number,
    )


def unexpected(error: Exception) -> PageError:
    """What a user is told of an error nobody foresaw."""
    if isinstance(error, MemoryError):
        return PageError(
            "memory", "There was not enough memory for this page.", remedy="Run with fewer --workers."
        )
    return PageError(
        "internal-error",
        f"{type(error).__name__}: {error}",
        remedy="Please report this with the file; `warraq retry` tries the page again.",
    )


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


def units(pages: Iterator[PageRef], most: int) -> Iterator[tuple[PageRef, ...]]:
    """Runs of at most `most` consecutive pages of one document: what a worker takes at a time."""
    unit: list[PageRef] = []
    for page in pages:
        if unit and (
            len(unit) == most or page.doc_id != unit[0].doc_id or page.number != unit[-1].number + 1
        ):
            yield tuple(unit)
            unit = []
        unit.append(page)
    if unit:
        yield tuple(unit)
