"""What the tests of the viewer share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from ocr_core import records as r
from ocr_core.library import Library
from tests.exports.make import document

HOST = "http://localhost:8400"
HOSTILE_PATH = "x/\"><img src=x onerror=alert(1)>&amp;'<script>alert(2)</script>\u202egnp.tif"
AUDIT = "audit-1"


@dataclass(frozen=True, slots=True)
class Shown:
    """A library and the ids of the first pages of its documents."""

    root: Path
    letter: str
    arabic: str
    print: str
    hostile: str
    escaping: str
    side: str


def lying_on_its_side(scan: Path, root: Path) -> r.Document:
    """The scan as a file that has to be turned clockwise to be read."""
    path = root / "scans" / "side" / "letter.png"
    path.parent.mkdir(parents=True)
    with Image.open(scan) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(path)  # against the clock
    return document(path, root / "scans")


def on_its_side(page: r.PageResult) -> r.PageResult:
    """The result of a page as that of `lying_on_its_side`."""

    def moved(points: tuple[r.Point, ...]) -> tuple[r.Point, ...]:
        return tuple((y, page.width - 1 - x) for x, y in points)

    lines = tuple(
        replace(
            line,
            line=replace(line.line, polygon=moved(line.line.polygon), baseline=moved(line.line.baseline)),
        )
        for line in page.lines
    )
    return replace(page, width=page.height, height=page.width, rotation=90, lines=lines)


def draw_sample(library: Library, lines: Sequence[tuple[str, int]]) -> None:
    """Make the lines (page id, place from 1) the sample of an audit, in this order; the first is for two people."""
    rows = []
    for number, (page_id, place) in enumerate(lines, 1):
        line = library.page(page_id).lines[place - 1]
        more = {
            "audit_id": AUDIT,
            "number": number,
            "double": number == 1,
            "weight": 1.0,
            "picture_sha256": "",
        }
        rows.append(line | more | {"stratum": "all", "stratum_pages": 2, "page_lines": 20})
    library.append("draw-1", "samples", rows)


def human(library: Library) -> list[tuple[str, str, str, str, str]]:
    """What people wrote: line, text, status, transcriber, origin, in order of line."""
    query = "SELECT line_id, text, status, transcriber, origin FROM ground_truth ORDER BY line_id, created_at"
    return library.reading(lambda con: con.execute(query).fetchall())
