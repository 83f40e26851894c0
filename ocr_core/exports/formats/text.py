"""Plain text, JSON lines and CSV: streams that other programs read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from ocr_core.exports.context import Context
from ocr_core.exports.model import ExportLine, ExportPage, PlacedWord
from ocr_core.harmless import no_formula

CSV_COLUMNS: Final = (
    "collection", "source_path", "page_number", "line_number", "text", "confidence", "engine", "engine_version",
    "script", "direction", "x0", "y0", "x1", "y1", "line_id", "run_id", "created_at",
)  # fmt: skip


def write_text(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """A line for each line, pages parted by form feeds as pdftotext does."""
    for number, page in enumerate(pages):
        lines = "".join(line.text + "\n" for line in page.lines)
        out.write((("\f" if number else "") + lines).encode())


def write_jsonl(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """An object for each page, its lines and their words inside; boxes are [x0, y0, x1, y1]."""
    for page in pages:
        out.write(json.dumps(_page(page, context), ensure_ascii=False).encode() + b"\n")


def write_csv(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """A row for each line, RFC 4180. A text that a spreadsheet would take for a formula has a `'` before it."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(CSV_COLUMNS)
    for page in pages:
        writer.writerows(_row(page, line) for line in page.lines)
        out.write(buffer.getvalue().encode())
        buffer.seek(0)
        buffer.truncate()
    out.write(buffer.getvalue().encode())


def _page(page: ExportPage, context: Context) -> dict[str, Any]:
    return {
        "page_id": page.page_id,
        "doc_id": page.doc_id,
        "collection": page.collection,
        "source_path": page.source_path,
        "page_number": page.number,
        "pages": page.pages_of_document,
        "image": context.url(page),
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "script": page.script,
        "status": page.status,
        "confidence": page.confidence,
        "run_id": page.run_id,
        "created_at": page.created_at.isoformat(),
        "warraq_version": page.warraq_version,
        "lines": [_line(line) for line in page.lines],
    }


def _line(line: ExportLine) -> dict[str, Any]:
    box = line.box
    return {
        "line_id": line.line_id,
        "text": line.text,
        "confidence": line.confidence,
        "box": [box.x0, box.y0, box.x1, box.y1],
        "polygon": line.polygon,
        "baseline": line.baseline,
        "region": line.region,
        "direction": line.direction,
        "turn": line.turn,
        "script": line.script,
        "hand": line.hand,
        "engine": line.engine.name,
        "engine_version": line.engine.version,
        "weights_sha256": line.engine.weights_sha256,
        "flags": line.flags,
        "words": [_word(word) for word in line.words],
    }


def _word(word: PlacedWord) -> dict[str, Any]:
    box = word.box
    return {
        "text": word.text,
        "box": [box.x0, box.y0, box.x1, box.y1],
        "box_from": "engine" if word.measured else "line",
        "confidence": word.confidence,
    }


def _row(page: ExportPage, line: ExportLine) -> list[Any]:
    confidence = "" if line.confidence is None else f"{line.confidence:.4f}"
    box = line.box
    return [
        page.collection, no_formula(page.source_path), page.number, line.number, no_formula(line.text), confidence,
        no_formula(line.engine.name), no_formula(line.engine.version), line.script, line.direction,
        box.x0, box.y0, box.x1, box.y1, line.line_id, page.run_id, page.created_at.isoformat(),
    ]  # fmt: skip
