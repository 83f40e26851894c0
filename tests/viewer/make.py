"""What the tests of the viewer share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_core.library import Library

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
