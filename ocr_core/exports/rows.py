"""Pages and lines to export, from rows of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ocr_core.exports.model import ExportLine, ExportPage, PlacedWord, fit
from ocr_core.exports.turned import turn_of
from ocr_core.exports.words import divide
from ocr_core.records import Box, EngineStamp, Point


def export_page(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> ExportPage:
    """A page from its fields but `lines`, with `roots` and `paths` of all its places, and its rows of `lines`."""
    fields: dict[str, Any] = {n: fit(v) if isinstance(v, str) else v for n, v in head.items()}
    # These name files, whose names may hold anything.
    elsewhere = tuple(zip(fields.pop("roots"), fields.pop("paths"), strict=True))
    fields |= {"root": head["root"] or "", "source_path": head["source_path"], "elsewhere": elsewhere}
    lines = tuple(export_line(row, number, head) for number, row in enumerate(rows, 1))
    return ExportPage(**fields, lines=lines)


def export_line(row: Mapping[str, Any], number: int, page: Mapping[str, Any]) -> ExportLine:
    """A line from its row of `lines`; of its page `page` tells `width`, `height` and `rotation`, 0 or None where unknown."""
    sheet = Box(0, 0, max(1, page["width"] or 1), max(1, page["height"] or 1))
    box = Box(row["x0"], row["y0"], row["x1"], row["y1"]).within(sheet.x1, sheet.y1)
    polygon = _points(row["polygon_x"], row["polygon_y"], sheet)
    if len(polygon) < 3:
        right, bottom = box.x1 - 1, box.y1 - 1
        polygon = ((box.x0, box.y0), (right, box.y0), (right, bottom), (box.x0, bottom))
    baseline = _points(row["baseline_x"], row["baseline_y"], sheet)
    turn = turn_of(baseline, page["rotation"] or 0)
    text, direction = fit(row["text"] or ""), row["direction"] or "ltr"
    return ExportLine(
        line_id=row["line_id"],
        number=number,
        text=text,
        box=box,
        polygon=polygon,
        baseline=baseline if len(baseline) > 1 else (),
        region=fit(row["region"] or "text"),
        direction=direction,
        script=row["script"] or "",
        hand=row["hand"] or "",
        confidence=_probability(row["confidence"]),
        engine=EngineStamp(
            fit(row["engine"] or ""), fit(row["engine_version"] or ""), fit(row["model_sha256"] or "")
        ),
        flags=tuple(fit(flag) for flag in row["flags"] or ()),
        words=_measured(row, text, sheet) or divide(text.split(), box, polygon, direction, turn),
        turn=turn,
    )


def _measured(row: Mapping[str, Any], text: str, sheet: Box) -> tuple[PlacedWord, ...]:
    """The engine's words, if they are those of the text."""
    words = [fit(word) for word in row["word_text"] or ()]
    if not words or words != text.split():
        return ()
    sides = zip(*(row[f"word_{side}"] for side in ("x0", "y0", "x1", "y1")), strict=True)
    boxes = [Box(*corners).within(sheet.x1, sheet.y1) for corners in sides]
    sure = [_probability(c) for c in row["word_confidence"]]
    return tuple(PlacedWord(*found, measured=True) for found in zip(words, boxes, sure, strict=True))


def _points(xs: Sequence[int] | None, ys: Sequence[int] | None, sheet: Box) -> tuple[Point, ...]:
    """Different points, on the page."""
    pairs = zip(xs or (), ys or (), strict=False)
    return tuple(
        dict.fromkeys((min(max(x, 0), sheet.x1 - 1), min(max(y, 0), sheet.y1 - 1)) for x, y in pairs)
    )


def _probability(value: float | None) -> float | None:
    return None if value is None or value != value else min(1.0, max(0.0, float(value)))
