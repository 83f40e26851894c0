"""Pages read as a whole: their text put on their lines; those that went wrong read line by line."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_core.errors import PageError
from ocr_core.pipeline.align import Placed, align
from ocr_core.pipeline.prepare import PreparedPage, failure
from ocr_core.recognizers.protocol import NO_LINE, PageRecognizer
from ocr_core.records import EngineStamp, Failure, PagePicture, PageText, Script, Stage, Transcript

log = logging.getLogger(__name__)

_NOT_AGAIN = frozenset({"gpu-error"})
"""Kinds of failures after which asking for the lines would fail too."""


@dataclass(frozen=True, slots=True)
class WholePage:
    """What was read on one page.

    Attributes:
        lines: an answer for each line of the page, in order.
        unplaced: text that belongs to no line that was found.
    """

    lines: tuple[Transcript | Failure, ...]
    unplaced: tuple[Transcript, ...] = ()


def read_whole_pages(
    engine: PageRecognizer, pages: Sequence[PreparedPage], script: Script
) -> list[WholePage | Failure]:
    """One answer for each page, in order.

    Args:
        pages: with pictures; all of their lines, as their pictures say, in `script`.
    """
    pictures = [
        PagePicture(page.page.page_id, page.picture, script) for page in pages if page.picture is not None
    ]
    texts = engine.recognize_pages(pictures)
    again = [
        place
        for place, text in enumerate(texts)
        if (text.kind not in _NOT_AGAIN if isinstance(text, Failure) else text.flags)
    ]
    images = [image for place in again for image in pages[place].images]
    read = iter(engine.recognize(images) if images else [])
    by_line = {place: tuple(next(read) for _ in pages[place].images) for place in again}
    return [
        _chosen(page, text, by_line.get(place), engine.stamp)
        for place, (page, text) in enumerate(zip(pages, texts, strict=True))
    ]


def _chosen(
    page: PreparedPage,
    text: PageText | Failure,
    by_line: tuple[Transcript | Failure, ...] | None,
    stamp: EngineStamp,
) -> WholePage | Failure:
    """The lines read singly where all could be, else the page's text as it is."""
    if by_line is not None and not any(engine_failed(answer) for answer in by_line):
        log.info("%s: read line by line, as its text went wrong", page.page.page_id)
        return WholePage(by_line)
    if isinstance(text, Failure):
        return of_page(page, text)
    widths = [max(1, image.pixels.shape[1]) for image in page.images]
    # On a turned page lines follow each other from one side to the other.
    upright = page.rotation in (0, 180)
    heights = [(line.box.y0 + line.box.y1) / 2 for line in page.lines] if upright else None
    found = align(text.rows, widths, heights)
    lines = [
        _transcript(image.line_id, placed, stamp)
        for image, placed in zip(page.images, found.lines, strict=True)
    ]
    if text.flags:  # a text goes wrong where it ends
        last = max((n for n, line in enumerate(lines) if line.text), default=0)
        lines[last] = replace(lines[last], flags=(*lines[last].flags, *text.flags))
    return WholePage(tuple(lines), tuple(_transcript("", placed, stamp) for placed in found.unplaced))


def engine_failed(answer: Transcript | Failure) -> bool:
    """Whether it was the engine that failed, not the picture that is no line."""
    return isinstance(answer, Failure) and answer.kind not in NO_LINE


def of_page(page: PreparedPage, error: Failure) -> Failure:
    """The failure of an engine as the failure of a page."""
    return failure(page.page, Stage.RECOGNIZE, PageError(error.kind, error.message, remedy=error.remedy))


def _transcript(line_id: str, placed: Placed, stamp: EngineStamp) -> Transcript:
    """Confidence: geometric mean over the words."""
    logs = [math.log(max(word.confidence, 1e-9)) for word in placed.words]
    confidence = math.exp(sum(logs) / len(logs)) if logs else 0.0
    text = " ".join(word.text for word in placed.words)
    return Transcript(line_id, text, min(1.0, confidence), stamp, flags=placed.flags)
