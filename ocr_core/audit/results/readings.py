"""What machines have read where the lines of a sample are: when it was drawn, and today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ocr_core.audit.transcription.samples import SampleLine
from ocr_core.library import Library
from ocr_core.records import Box

_LEAST_SHARE: Final = (
    0.5  # of a line's box that lies in the box of a drawn line, to be (part of) the same line
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a machine read where a drawn line is."""

    text: str
    confidence: float
    engine: str
    engine_version: str
    model_sha256: str
    run_id: str
    read_at: datetime


def as_drawn(line: SampleLine) -> Reading:
    """What the line said when it was drawn."""
    return Reading(
        line.reading, line.confidence or 0.0, line.engine, line.engine_version, line.model_sha256, line.read_run_id,
        line.read_at,
    )  # fmt: skip


def today(library: Library, drawn: Sequence[SampleLine]) -> dict[int, Reading]:
    """What the library holds today where the drawn lines are: all lines that lie in a drawn line's box by more than half, in
    reading order; nothing where there are none."""
    pages = sorted({line.page_id for line in drawn})
    query = f"""
        SELECT page_id, x0, y0, x1, y1, text, confidence, engine, engine_version, model_sha256, run_id, created_at
        FROM lines WHERE page_id IN ({", ".join("?" * len(pages))}) ORDER BY page_id, line_order
    """
    rows = library.reading(lambda con: con.sql(query, params=pages).to_arrow_table()).to_pylist()
    by_page: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_page[row["page_id"]].append(row)
    found = {}
    for line in drawn:
        inside = [row for row in by_page[line.page_id] if _share_inside(row, line.box) > _LEAST_SHARE]
        text = " ".join(row["text"] for row in inside)
        length = sum(len(row["text"]) for row in inside) or 1
        sure = sum((row["confidence"] or 0.0) * len(row["text"]) for row in inside) / length
        main = max(inside or by_page[line.page_id], key=lambda row: len(row["text"]), default=None)
        found[line.number] = (
            Reading(
                text, sure, main["engine"], main["engine_version"], main["model_sha256"], main["run_id"],
                main["created_at"],
            )
            if main
            else replace(as_drawn(line), text="", confidence=0.0)
        )  # fmt: skip
    return found


def _share_inside(row: Mapping[str, Any], box: Box) -> float:
    width = min(row["x1"], box.x1) - max(row["x0"], box.x0)
    height = min(row["y1"], box.y1) - max(row["y0"], box.y0)
    area = (row["x1"] - row["x0"]) * (row["y1"] - row["y0"])
    return max(width, 0) * max(height, 0) / max(area, 1)
