"""Libraries to export: real samples with the text that stands on them, and pages of hostile text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ocr_core import records as r
from ocr_core.exports import FORMATS, Destination, Options, Selection, Summary, export
from ocr_core.ground_truth.pages import Points, TruthLine, TruthPage, read_page
from ocr_core.library import Library
from ocr_core.sources import identify

_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
READER = r.EngineStamp("reader", "2.1", "ab" * 32)

# What a reader wrote, and the words any format must give back: the library spells lone surrogates out, breaks are
# spaces, what XML forbids is U+FFFD.
HOSTILE_AND_FIT = (
    ("plain words", "plain words"),
    ("", ""),
    ("   ", ""),
    (
        "<script>alert(1)</script> & \"quotes\" 'single' ]]> --> <!-- &amp; \\ %s {0}",
        "<script>alert(1)</script> & \"quotes\" 'single' ]]> --> <!-- &amp; \\ %s {0}",
    ),
    ('=HYPERLINK("http://example.org","x")', '=HYPERLINK("http://example.org","x")'),
    ("control \x00\x01\x08\x0b\x1b[31m\x7f\x85 characters", "control ��� �[31m� characters"),
    ("break\nin\tthe\r\nmiddle\u2028here", "break in the middle here"),
    (
        "noncharacters \ufffe\uffff \ufdd0 lone \ud800 \udfff end",
        "noncharacters �� � lone \\ud800 \\udfff end",
    ),
    ("astral 𐎀 😀 accent é zero\u200bwidth nb\u00a0space", "astral 𐎀 😀 accent é zero\u200bwidth nb space"),
    (
        "قال أبو عبد الله (Dr. Smith) في سنة ١٨٩٠ ثم 1234 كتب",
        "قال أبو عبد الله (Dr. Smith) في سنة ١٨٩٠ ثم 1234 كتب",
    ),
    ("override \u202egnirts\u202c mark \u200f.", "override \u202egnirts\u202c mark \u200f."),
    ("w" * 3000, "w" * 3000),
)
HOSTILE = tuple(given for given, _ in HOSTILE_AND_FIT)
HOSTILE_NAME = "a \x07<b> & 'c' \"d\".tif"
FIT = [wanted for _, wanted in HOSTILE_AND_FIT]


def document(source: Path, root: Path) -> r.Document:
    found = identify(r.SourceFile(source, root, source.relative_to(root).as_posix()))
    assert isinstance(found, r.Document)
    return found


def line(
    page_id: str,
    order: int,
    text: str | None,
    polygon: Sequence[r.Point],
    baseline: Sequence[r.Point] = (),
    *,
    words: Sequence[r.Word] = (),
    direction: str = "ltr",
    confidence: float = 0.875,
) -> r.LineResult:
    """A line that was read as `text`; that waits, if it is None."""
    script = r.Script.ARABIC if direction == "rtl" else r.Script.LATIN
    shape = r.Line(r.line_id(page_id, order), order, tuple(polygon), tuple(baseline), "text", direction)
    transcript = None if text is None else r.Transcript(shape.line_id, text, confidence, READER, tuple(words))
    return r.LineResult(shape, script, transcript, hand="print")


def page_of(
    page: r.PageRef,
    texts: Sequence[str | None],
    *,
    size: tuple[int, int] = (1000, 1400),
    direction: str = "ltr",
    origin: str = "image",
    dpi: float | None = 200.0,
) -> r.PageResult:
    """A page whose lines lie below each other, 40 pixels high, 50 apart."""
    lines = []
    for order, text in enumerate(texts):
        top = 20 + 50 * order
        polygon = ((100, top), (899, top), (899, top + 39), (100, top + 39))
        lines.append(
            line(page.page_id, order, text, polygon, ((100, top + 30), (899, top + 30)), direction=direction)
        )
    return result(page, lines, size=size, origin=origin, dpi=dpi)


def sample_page(page: r.PageRef, truth: Path, *, direction: str = "ltr") -> r.PageResult:
    """A sample as a perfect reader without word boxes would have read it."""
    found = true_page(truth)
    assert found.size is not None
    lines = [
        line(page.page_id, order, plain(t), points(t.polygon), points(t.baseline), direction=direction)
        for order, t in enumerate(found.lines)
    ]
    return result(page, lines, size=found.size, dpi=200.0)


def true_page(path: Path) -> TruthPage:
    """A ground-truth file, without the lines that have no text or no outline."""
    page = read_page(path)
    return replace(page, lines=tuple(t for t in page.lines if plain(t) and len(t.polygon)))


def plain(line: TruthLine) -> str:
    """Its text with single spaces and without the controls that some editors leave in it."""
    return " ".join(_CONTROLS.sub("", unicodedata.normalize("NFC", line.text)).split())


def points(shape: Points) -> tuple[r.Point, ...]:
    return r.as_points(shape)


def result(
    page: r.PageRef,
    lines: Sequence[r.LineResult],
    *,
    size: tuple[int, int],
    origin: str = "image",
    dpi: float | None = None,
) -> r.PageResult:
    waits = any(found.transcript is None for found in lines)
    return r.PageResult(
        page=page,
        width=size[0],
        height=size[1],
        dpi=dpi,
        origin=origin,
        rotation=0,
        skew_deg=0.0,
        script=r.Script.LATIN,
        status=r.Status.PENDING if waits else r.Status.DONE,
        lines=tuple(lines),
        fingerprint="f",
    )


def published(root: Path, *results: r.PageResult, documents: Sequence[r.Document] = ()) -> Library:
    library = Library.create(root)
    library.publish("run-1", "letters", documents=documents, results=results)
    return library


def export_to(
    library: Library,
    format: str,
    folder: Path,
    selection: Selection | None = None,
    options: Options | None = None,
) -> Summary:
    return export(library, FORMATS[format], Destination(folder=folder), selection, options)
