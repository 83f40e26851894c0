"""Libraries to export: real samples with the text that stands on them, and pages of hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ocr_core import ground_truth
from ocr_core import records as r
from ocr_core.audit.text import comparable
from ocr_core.exports import FORMATS, Destination, Options, Selection, Summary, export
from ocr_core.library import Library
from ocr_core.sources import identify

__all__ = [
    "FIT",
    "HOSTILE",
    "document",
    "export_to",
    "line",
    "page_of",
    "published",
    "read_page",
    "sample_page",
]

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


class TruthLine(NamedTuple):
    name: str
    text: str
    polygon: tuple[r.Point, ...]
    baseline: tuple[r.Point, ...]


class Truth(NamedTuple):
    size: tuple[int, int] | None
    lines: tuple[TruthLine, ...]


def read_page(path: Path) -> Truth:
    """The lines with text of a PAGE or ALTO file, as whoever reads ground truth finds them, in whole pixels."""
    page = ground_truth.read_page(path)
    return Truth(
        page.size,
        tuple(
            TruthLine(one.name, text, r.as_points(one.outline), r.as_points(one.baseline))
            for one in page.lines
            if (text := comparable(one.text))
        ),
    )


def sample_page(page: r.PageRef, truth: Path, *, direction: str = "ltr") -> r.PageResult:
    """A sample as a perfect reader without word boxes would have read it."""
    found = read_page(truth)
    assert found.size is not None
    lines = [
        line(page.page_id, order, t.text, t.polygon, t.baseline, direction=direction)
        for order, t in enumerate(found.lines)
    ]
    return result(page, lines, size=found.size, dpi=200.0)


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
