"""Small records to publish."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ocr_core import records as r
from ocr_core.config import RunSettings
from ocr_core.library import Library, RunRecord
from ocr_core.pipeline.engines import LATER
from ocr_core.sources import discover, identify_all

CRNN = r.EngineStamp("crnn", "1.0", "ab" * 32)


def document(
    name: str, pages: int = 1, copies: Sequence[str] = (), root: str = "/in", salt: str = ""
) -> r.Document:
    doc_id = hashlib.sha256((name + salt).encode(errors="surrogatepass")).hexdigest()
    return r.Document(
        doc_id, source(name, root), "image/png", pages, 1000, tuple(source(c, root) for c in copies)
    )


def source(name: str, root: str = "/in") -> r.SourceFile:
    return r.SourceFile(Path(root) / name, Path(root), name)


def result(
    page: r.PageRef,
    *texts: str | None,
    fingerprint: str = "f1",
    status: r.Status = r.Status.DONE,
    reason: str = "",
) -> r.PageResult:
    lines = tuple(line(page.page_id, order, text) for order, text in enumerate(texts))
    return r.PageResult(
        page=page,
        width=1000,
        height=1400,
        dpi=300.0,
        origin="image",
        rotation=0,
        skew_deg=0.5,
        script=r.Script.LATIN,
        status=status,
        lines=lines,
        fingerprint=fingerprint,
        reason=reason,
        seconds={"read": 0.25, "layout": 0.5},
    )


def line(page_id: str, order: int, text: str | None) -> r.LineResult:
    top = 100 + 50 * order
    shape = r.Line(
        r.line_id(page_id, order),
        order,
        polygon=((100, top), (899, top), (899, top + 39), (100, top + 39)),
        baseline=((100, top + 30), (899, top + 30)),
    )
    if text is None:
        return r.LineResult(shape, r.Script.ARABIC, None)
    words = tuple(r.Word(w, r.Box(100, top, 200, top + 40), 0.5) for w in text.split())
    return r.LineResult(shape, r.Script.LATIN, r.Transcript(shape.line_id, text, 0.9, CRNN, words))


def failure(
    name: str, page: r.PageRef | None = None, kind: str = "truncated", attempts: int = 1
) -> r.Failure:
    return r.Failure(
        source_path=name,
        stage=r.Stage.READ,
        kind=kind,
        message="The file ends early.",
        remedy="Scan it again.",
        page_id=page.page_id if page else "",
        doc_id=page.doc_id if page else "",
        page_number=page.number if page else 0,
        attempts=attempts,
    )


def run_record(run_id: str, settings: RunSettings) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        collection=settings.collection,
        sources=tuple(map(str, settings.sources)),
        started_at=datetime.now(UTC),
        finished_at=None,
        state="completed",
        settings=settings.model_dump(mode="json"),
        warraq_version="1",
        counts={},
    )


def documents(folder: Path) -> tuple[r.Document, ...]:
    found, failures = identify_all(discover([folder]).files)
    assert not failures
    return found


def deferred(library: Library, folder: Path, run_id: str = "r1", **others: object) -> list[str]:
    """Publish the first pages of the files of `folder` as waiting, in a run with these settings; their ids."""
    found = documents(folder)
    wanted = {"sources": [folder], "library": library.root, "arabic": "defer", **others}
    record = run_record(run_id, RunSettings.model_validate(wanted))
    pages = [document.page(1) for document in found]
    reason = LATER.reason + " And something else."
    results = [result(page, None, status=r.Status.PENDING, reason=reason) for page in pages]
    library.publish(run_id, record.collection, documents=found, results=results, run=record)
    return [page.page_id for page in pages]
