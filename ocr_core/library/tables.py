"""Records → Arrow tables, one per data set, with exactly the columns of `schemas`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from ocr_core.library.folding import fold
from ocr_core.library.parquet import SORT_KEYS
from ocr_core.library.schemas import SCHEMAS
from ocr_core.records import Document, EngineStamp, Failure, LineResult, PageResult

Row = dict[str, Any]
_NO_ENGINE: Final = EngineStamp("", "")
PENDING_FLAG: Final = "pending"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run. Published at its start (`running`) and again at its end; the newest wins.

    Attributes:
        settings: whatever can be written as JSON.
        state: running | completed | interrupted.
        counts: pages by `discovered`, `done`, `blank`, `failed`, `pending`, `skipped`.
        stage_seconds: time by stage, summed over workers.
    """

    run_id: str
    collection: str
    sources: tuple[str, ...]
    started_at: datetime
    finished_at: datetime | None = None
    state: str = "running"
    settings: dict[str, Any] = field(default_factory=dict)
    warraq_version: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)


COUNTS: Final = ("discovered", "done", "blank", "failed", "pending", "skipped")


@dataclass(frozen=True, slots=True)
class Publication:
    """What every row of one publication shares."""

    run_id: str
    collection: str
    created_at: datetime

    def rows(
        self,
        documents: Iterable[Document],
        results: Iterable[PageResult],
        failures: Iterable[Failure],
        run: RunRecord | None,
    ) -> dict[str, list[Row]]:
        """Rows by data set. A page given twice is kept once, the last time."""
        unique = {result.page.page_id: result for result in results}
        tail = {"collection": self.collection, "run_id": self.run_id, "created_at": self.created_at}
        return {
            "documents": [_document(d) | tail for d in documents],
            "pages": [_page(r) | tail for r in unique.values()],
            "lines": [_line(r, line) | tail for r in unique.values() for line in r.lines],
            "failures": [_failure(f) | tail for f in failures],
            "runs": [_run(run) | tail] if run else [],
        }


def to_table(dataset: str, rows: Sequence[Row]) -> pa.Table:
    """Rows as a table of the data set's schema, in the order its files keep. Keys missing from a row become
    NULL.
    """
    schema = SCHEMAS[dataset]
    columns = [pa.array([_clean(row.get(f.name)) for row in rows], type=f.type) for f in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    return table.sort_by([(key, "ascending") for key in SORT_KEYS[dataset]])


def _document(document: Document) -> Row:
    return {
        "doc_id": document.doc_id,
        "source_path": document.source.source_path,
        "root": str(document.source.root),
        "media_type": document.media_type,
        "pages": document.pages,
        "size_bytes": document.size_bytes,
        "copies": [c.source_path for c in document.copies],
        "copy_roots": [str(c.root) for c in document.copies],
    }


def _place(result: PageResult) -> Row:
    return {
        "page_id": result.page.page_id,
        "doc_id": result.page.doc_id,
        "source_path": result.page.source.source_path,
        "page_number": result.page.number,
    }


def _engine(stamp: EngineStamp) -> Row:
    return {"engine": stamp.name, "engine_version": stamp.version, "model_sha256": stamp.weights_sha256}


def _page(result: PageResult) -> Row:
    read = [line.transcript for line in result.lines if line.transcript]
    chars: Counter[EngineStamp] = Counter()
    for transcript in read:
        chars[transcript.engine] += len(transcript.text)
    main = max(chars, key=lambda stamp: (chars[stamp], stamp.name, stamp.version), default=_NO_ENGINE)
    return {
        **_place(result),
        **_engine(main),
        "root": str(result.page.source.root),
        "media_type": result.page.media_type,
        "origin": result.origin,
        "width": result.width,
        "height": result.height,
        "dpi": result.dpi,
        "rotation": result.rotation,
        "skew_deg": result.skew_deg,
        "script": str(result.script),
        "script_confidence": result.script_confidence,
        "status": str(result.status),
        "reason": result.reason,
        "lines": len(result.lines),
        "lines_read": len(read),
        "chars": chars.total(),
        "confidence": result.confidence,
        "seconds": sum(result.seconds.values()),
        "stage_seconds": list(result.seconds.items()),
        "fingerprint": result.fingerprint,
    }


def _line(result: PageResult, line: LineResult) -> Row:
    shape, transcript = line.line, line.transcript
    words = transcript.words if transcript else ()
    text = transcript.text if transcript else ""
    folded = fold(text)
    return {
        **_place(result),
        **_engine(transcript.engine if transcript else _NO_ENGINE),
        "line_id": shape.line_id,
        "line_order": shape.order,
        "x0": shape.box.x0,
        "y0": shape.box.y0,
        "x1": shape.box.x1,
        "y1": shape.box.y1,
        "polygon_x": [x for x, _ in shape.polygon],
        "polygon_y": [y for _, y in shape.polygon],
        "baseline_x": [x for x, _ in shape.baseline],
        "baseline_y": [y for _, y in shape.baseline],
        "region": shape.region,
        "direction": shape.direction,
        "script": str(line.script),
        "script_confidence": line.script_confidence,
        "hand": line.hand,
        "text": text,
        "text_search": folded,
        "words": len(folded.split()),
        "confidence": transcript.confidence if transcript else None,
        "flags": list(transcript.flags) if transcript else [PENDING_FLAG],
        "word_text": [w.text for w in words],
        "word_confidence": [w.confidence for w in words],
        "word_x0": [w.box.x0 for w in words],
        "word_y0": [w.box.y0 for w in words],
        "word_x1": [w.box.x1 for w in words],
        "word_y1": [w.box.y1 for w in words],
    }


def _failure(failure: Failure) -> Row:
    return {
        "page_id": failure.page_id,
        "doc_id": failure.doc_id,
        "source_path": failure.source_path,
        "page_number": failure.page_number,
        "stage": str(failure.stage),
        "kind": failure.kind,
        "message": failure.message,
        "remedy": failure.remedy,
        "attempts": failure.attempts,
    }


def _run(run: RunRecord) -> Row:
    return {
        "sources": list(run.sources),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "state": run.state,
        "settings": json.dumps(run.settings, ensure_ascii=False, sort_keys=True, default=str),
        "warraq_version": run.warraq_version,
        **{name: run.counts.get(name, 0) for name in COUNTS},
        "stage_seconds": list(run.stage_seconds.items()),
    }


def _clean(value: Any) -> Any:
    """Text that UTF-8 can hold: bytes of a file name that are not text come as lone surrogates and are spelt
    out.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
