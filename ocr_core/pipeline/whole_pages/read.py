"""Pages read as a whole: their text put on their lines; those that went wrong read line by line."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_core.errors import PageError
from ocr_core.pipeline.prepare import PreparedPage, failure
from ocr_core.pipeline.whole_pages.align import Placed, align
from ocr_core.pipeline.whole_pages.pictures import ALL
from ocr_core.recognizers.protocol import NO_LINE, PageRecognizer
from ocr_core.records import (
    EngineStamp,
    Failure,
    GreyImage,
    LineImage,
    PagePicture,
    PageText,
    Script,
    Stage,
    Transcript,
)

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
    parts = [part for page in pages for part in _parts(page)]
    texts = engine.recognize_pages(
        [PagePicture(part.page.page.page_id, part.picture, script) for part in parts]
    )
    again = [
        number
        for number, text in enumerate(texts)
        if (text.kind not in _NOT_AGAIN if isinstance(text, Failure) else text.flags)
    ]
    images = [replace(image, script=script) for number in again for image in parts[number].images]
    read = iter(engine.recognize(images) if images else [])
    by_line = {number: tuple(next(read) for _ in parts[number].places) for number in again}
    answers: dict[str, list[tuple[_Part, WholePage | Failure]]] = {}
    for number, (part, text) in enumerate(zip(parts, texts, strict=True)):
        found = _chosen(part, text, by_line.get(number), engine.stamp)
        answers.setdefault(part.page.page.page_id, []).append((part, found))
    return [_together(answers[page.page.page_id]) for page in pages]


@dataclass(frozen=True, slots=True)
class _Part:
    """A page, or one of the two of a spread, and the places of its lines on the page."""

    page: PreparedPage
    picture: GreyImage
    places: tuple[int, ...]

    @property
    def images(self) -> list[LineImage]:
        return [self.page.images[place] for place in self.places]


def _parts(page: PreparedPage) -> list[_Part]:
    """What is read as a page, in reading order."""
    parts = [
        _Part(page, picture, tuple(n for n, line in enumerate(page.lines) if region in (ALL, line.region)))
        for region, picture in page.pictures.items()
    ]
    return sorted(parts, key=lambda part: part.places)


def _together(parts: Sequence[tuple[_Part, WholePage | Failure]]) -> WholePage | Failure:
    """The answer for a page from those for its parts; it fails where one of them does."""
    lines: dict[int, Transcript | Failure] = {}
    unplaced: list[Transcript] = []
    for part, found in parts:
        if isinstance(found, Failure):
            return found
        lines |= zip(part.places, found.lines, strict=True)
        unplaced += found.unplaced
    return WholePage(tuple(lines[place] for place in sorted(lines)), tuple(unplaced))


def _chosen(
    part: _Part,
    text: PageText | Failure,
    by_line: tuple[Transcript | Failure, ...] | None,
    stamp: EngineStamp,
) -> WholePage | Failure:
    """The lines read singly where all could be, else the text of the part as it is."""
    page = part.page
    if by_line is not None and not any(engine_failed(answer) for answer in by_line):
        log.info("%s: read line by line, as its text went wrong", page.page.page_id)
        return WholePage(by_line)
    if isinstance(text, Failure):
        return of_page(page, text)
    widths = [max(1, image.pixels.shape[1]) for image in part.images]
    # On a turned page lines follow each other from one side to the other.
    boxes = [page.lines[place].box for place in part.places] if page.rotation in (0, 180) else []
    found = align(text.rows, widths, [(box.y0 + box.y1) / 2 for box in boxes] or None)
    lines = [
        _transcript(image.line_id, placed, stamp)
        for image, placed in zip(part.images, found.lines, strict=True)
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
