"""The records that flow through the pipeline. Frozen: each stage makes new ones and edits none.

    SourceFile → Document → PageRef → PageImage → CleanPage → Layout(Line…) → Transcript | Failure → PageResult

Ids are content: a document is the sha256 of its file, a page its document and number, a line its page and order.

Coordinates are pixels of the ORIGINAL page image: as a viewer shows it (EXIF orientation and PDF /Rotate already
applied), origin top left, x to the right, y down, boxes half-open. `CleanPage.to_original` maps back to them.
Confidence is 0..1. Text is Unicode NFC in logical order, never reordered for display.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int]
GreyImage = NDArray[np.uint8]  # [height, width], 0 black … 255 white
PageArray = NDArray[np.uint8]  # [height, width] grey or [height, width, 3] RGB


TEXT, CELL, MARGIN = "text", "cell", "marginalia"
"""Regions of a page: lines of writing, and what stands by itself, as in the cells of a form."""


class Status(StrEnum):
    """How a page ended. Every discovered page has exactly one: discovered = done + blank + failed + pending."""

    DONE = "done"
    BLANK = "blank"
    FAILED = "failed"
    PENDING = "pending"  # understood, but no engine of this machine may read it yet


class Script(StrEnum):
    LATIN = "latin"
    ARABIC = "arabic"
    MIXED = "mixed"  # pages only
    OTHER = "other"
    NONE = "none"  # nothing to read: blank, or only digits and punctuation so far


class Stage(StrEnum):
    """Where a page was when it failed."""

    DISCOVER = "discover"
    READ = "read"
    PREPARE = "prepare"
    LAYOUT = "layout"
    ROUTE = "route"
    RECOGNIZE = "recognize"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """Half-open pixel box: x0 <= x < x1, y0 <= y < y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    def within(self, width: int, height: int) -> Box:
        """What of it lies on a picture of this size; where nothing does, the nearest pixel."""
        x0, y0 = min(max(self.x0, 0), width - 1), min(max(self.y0, 0), height - 1)
        return Box(x0, y0, min(max(self.x1, x0 + 1), width), min(max(self.y1, y0 + 1), height))

    @classmethod
    def around(cls, points: tuple[Point, ...]) -> Box:
        """The smallest box that holds the pixels at `points` (at least one)."""
        xs, ys = zip(*points, strict=True)
        return cls(min(xs), min(ys), max(xs) + 1, max(ys) + 1)


# -- sources ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file found in the input.

    Attributes:
        path: where it is on this machine.
        root: the folder that was ingested (the file's own folder when a single file was named).
        source_path: POSIX path relative to `root`; what the library records.
        modified_ns: when its content was last changed, as it was opened and counted; 0 before.
    """

    path: Path
    root: Path
    source_path: str
    modified_ns: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A source file that was opened and counted. Two files with the same bytes are one document.

    Attributes:
        doc_id: sha256 of the file, hex.
        media_type: what the content is, whatever the name says: `image/jpeg`, `application/pdf`, …
        pages: number of pages, at least 1.
        copies: further files with the same bytes.
    """

    doc_id: str
    source: SourceFile
    media_type: str
    pages: int
    size_bytes: int
    copies: tuple[SourceFile, ...] = ()

    def page(self, number: int) -> PageRef:
        return PageRef(page_id(self.doc_id, number), self.doc_id, number, self.source, self.media_type)


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of a document; `number` counts from 1."""

    page_id: str
    doc_id: str
    number: int
    source: SourceFile
    media_type: str


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a PDF's own text layer, in pixels of the page image it comes with."""

    text: str
    box: Box
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    box: Box
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class PageImage:
    """A decoded page, upright as its file says.

    Attributes:
        pixels: uint8, [height, width] grey, or [height, width, 3] RGB where colour was asked for.
        dpi: resolution the file states or the page was rendered at; None when unknown.
        origin: `image` (an image file), `native` (the image inside a scanned PDF page), `rendered` (drawn from a PDF).
        text_layer: the PDF's own lines of text in reading order; empty when there is none.
    """

    page: PageRef
    pixels: PageArray
    dpi: float | None
    origin: str
    text_layer: tuple[TextLine, ...] = ()


# -- imaging and layout -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CleanPage:
    """A page ready for layout: grey, upright, straight, evenly lit, dark ink on light ground.

    Attributes:
        grey: [height, width] uint8; large pages are reduced.
        to_original: [2, 3] affine that maps (x, y) of `grey` to pixels of the original page image.
        rotation: by how much the page was turned clockwise to stand upright, beyond what the file said: 0, 90, 180, 270.
        skew_deg: angle of the text lines found on the upright page, degrees clockwise positive; what was
            corrected is in `to_original`, so an angle that was not trusted is stored and not applied.
        blank: nothing to read on this page.
    """

    grey: GreyImage
    to_original: NDArray[np.float64]
    rotation: int = 0
    skew_deg: float = 0.0
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of writing. `polygon` is closed implicitly; `baseline` runs in reading direction of the script
    where known, else left to right. `region` is `TEXT`, `CELL`, `MARGIN` (up or down it) or a page of a spread."""

    line_id: str
    order: int
    polygon: tuple[Point, ...]
    baseline: tuple[Point, ...]
    region: str = TEXT
    direction: str = "ltr"

    @property
    def box(self) -> Box:
        return Box.around(self.polygon)


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of a page in reading order, in original pixels."""

    page_id: str
    lines: tuple[Line, ...]


# -- recognition ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineImage:
    """What a line engine reads.

    Attributes:
        pixels: [height, width] uint8, dark ink on light ground, rectified along the baseline (which is
            `baseline_y` pixels below the top), full resolution. Columns run left to right as on the page.
        columns_to_page: [2, 3] affine from crop pixels to original page pixels, whose centres lie at whole numbers (exact
            for straight lines).
    """

    line_id: str
    pixels: GreyImage
    baseline_y: float
    columns_to_page: NDArray[np.float64]
    script: Script = Script.LATIN


@dataclass(frozen=True, slots=True)
class EngineStamp:
    """Which reader wrote a transcript; enough to repeat it. `settings` holds only what can change text."""

    name: str
    version: str
    weights_sha256: str = ""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of one line. `words` have boxes in the coordinates of the `LineImage`.

    `flags` are short slugs that ask for a look: `low-confidence`, `loop`, …
    """

    line_id: str
    text: str
    confidence: float
    engine: EngineStamp
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PagePicture:
    """What a page engine reads: a whole page, upright, [height, width] uint8, reduced to what the engine wants."""

    page_id: str
    pixels: GreyImage
    script: Script = Script.ARABIC


@dataclass(frozen=True, slots=True)
class ReadWord:
    """A word of a page of which only the text is known."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page as a page engine wrote it, not yet put on the page's lines.

    Attributes:
        rows: the words of each line that the engine wrote, in its order; whether they are the page's lines is open.
        flags: as those of a `Transcript`; for the whole text.
    """

    page_id: str
    rows: tuple[tuple[ReadWord, ...], ...]
    confidence: float
    engine: EngineStamp
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one page or file, as data. `page_id` is empty when the file could not be opened.

    `kind` is a stable slug (`encrypted`, `truncated`, `timeout`, …); `stage` a `Stage`.
    """

    source_path: str
    stage: Stage
    kind: str
    message: str
    remedy: str
    page_id: str = ""
    doc_id: str = ""
    page_number: int = 0
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class LineResult:
    """A line with what was read on it. `transcript` is None while the line waits for an engine."""

    line: Line
    script: Script
    transcript: Transcript | None
    script_confidence: float = 1.0
    hand: str = ""  # "hand" | "print" | "" where nobody has judged


@dataclass(frozen=True, slots=True)
class PageResult:
    """Everything the library keeps of a page that did not fail.

    Attributes:
        seconds: time by stage, e.g. {"read": 0.1, "layout": 0.4}.
        reason: why a pending page waits, in a sentence; else empty.
        fingerprint: hash of the settings and models that can change this page's text.
    """

    page: PageRef
    width: int
    height: int
    dpi: float | None
    origin: str
    rotation: int
    skew_deg: float
    script: Script
    status: Status
    lines: tuple[LineResult, ...]
    fingerprint: str
    reason: str = ""
    script_confidence: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def confidence(self) -> float | None:
        """Mean line confidence weighted by length of text; None when nothing was read."""
        read = [r.transcript for r in self.lines if r.transcript and r.transcript.text]
        chars = sum(len(t.text) for t in read)
        return sum(t.confidence * len(t.text) for t in read) / chars if chars else None


def page_id(doc_id: str, number: int) -> str:
    return f"{doc_id}-{number:05d}"


def doc_id(page_id: str) -> str:
    """The document of a page."""
    return page_id.rpartition("-")[0]


def page_number(page_id: str) -> int:
    """The number of a page in its document, from 1."""
    return int(page_id.rpartition("-")[2])


def line_id(page_id: str, order: int) -> str:
    return f"{page_id}-{order:04d}"


def as_points(array: Any) -> tuple[Point, ...]:
    """[n, 2] array of x, y → tuple of integer points, rounded."""
    return tuple((int(x), int(y)) for x, y in np.rint(np.asarray(array)).astype(int))
