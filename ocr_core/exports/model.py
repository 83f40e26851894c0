"""What an export is made from: a page of the library with its lines and words, its text fit for any format.

Coordinates are pixels of the original page image inside the page, boxes half-open. Confidence is 0..1, None where nobody
has judged. Text is one line of characters that XML, JSON and PDF can hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ocr_core.records import Box, EngineStamp, Point

# What XML 1.0 cannot hold (production 2), lone surrogates among it, and the control characters it merely discourages.
_UNFIT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word on the page. `measured` is False where its box was divided off from the line's."""

    text: str
    box: Box
    confidence: float | None
    measured: bool


@dataclass(frozen=True, slots=True)
class ExportLine:
    """A line in reading order. `polygon` has at least three points; `baseline` at least two, or none.

    Attributes:
        number: from 1, in reading order.
        engine: who read it; its name is empty while the line waits for an engine.
        turn: by how much the line has to be turned clockwise to be read: 0, 90, 180, 270.
    """

    line_id: str
    number: int
    text: str
    box: Box
    polygon: tuple[Point, ...]
    baseline: tuple[Point, ...]
    region: str
    direction: str
    script: str
    hand: str
    confidence: float | None
    engine: EngineStamp
    flags: tuple[str, ...]
    words: tuple[PlacedWord, ...]
    turn: int = 0


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A page as its winning result left it.

    Attributes:
        pages_of_document: pages of the source file, failed ones too.
        name_is_shared: another document of the collection has this path, but for its suffix.
        run_id, created_at: the run that read it, and when that was published.
        warraq_version: of the run; empty where it is not known.
        rotation: by how much it was turned clockwise to stand upright: 0, 90, 180, 270.
        elsewhere: roots and source paths at which its document was found, the newest place first.
    """

    page_id: str
    doc_id: str
    collection: str
    root: str
    source_path: str
    media_type: str
    number: int
    pages_of_document: int
    name_is_shared: bool
    origin: str
    width: int
    height: int
    dpi: float | None
    script: str
    status: str
    confidence: float | None
    run_id: str
    created_at: datetime
    warraq_version: str
    lines: tuple[ExportLine, ...]
    rotation: int = 0
    elsewhere: tuple[tuple[str, str], ...] = ()

    @property
    def engines(self) -> tuple[EngineStamp, ...]:
        """Those that read its lines, in order of first use."""
        return tuple(dict.fromkeys(line.engine for line in self.lines if line.engine.name))


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that follow each other in one region, direction and turn."""

    region: str
    direction: str
    turn: int
    lines: tuple[ExportLine, ...]

    @property
    def box(self) -> Box:
        return around(line.box for line in self.lines)


def blocks(page: ExportPage) -> Iterator[Block]:
    """The lines of a page by region, in reading order."""
    for place, lines in groupby(page.lines, key=lambda line: (line.region, line.direction, line.turn)):
        yield Block(*place, tuple(lines))


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of at least one box."""
    x0, y0, x1, y1 = zip(*((b.x0, b.y0, b.x1, b.y1) for b in boxes), strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))


def fit(text: str) -> str:
    """Text on one line that every format can hold: breaks become spaces, what XML forbids becomes U+FFFD."""
    return _UNFIT.sub("\ufffd", _BREAK.sub(" ", text))


def describe(engine: EngineStamp) -> str:
    """An engine in a few words: `crnn-latin 1`."""
    return f"{engine.name} {engine.version}".strip()
