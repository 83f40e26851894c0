"""Failures whose files are no longer where they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ocr_core.library import Library
from ocr_core.sources.discover import file_at


def gone(library: Library, failures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The failures, as rows of the view, whose file is missing from a folder that is there.

    A folder that is missing itself may be on a disk that is not connected: nothing in it is taken to be gone.
    """
    if not failures:
        return []
    documents = {d.doc_id: d for d in library.documents(ids=[f["doc_id"] for f in failures if f["doc_id"]])}
    sources = {run["run_id"]: run["sources"] for run in library.runs()}

    def places(failure: dict[str, Any]) -> Iterator[tuple[str, str]]:
        if document := documents.get(failure["doc_id"]):
            yield document.root, document.source_path
            yield from document.copies
            return
        for source in sources.get(failure["run_id"], ()):
            path = Path(source)
            yield (
                (str(path.parent) if path.name == failure["source_path"] else source),
                failure["source_path"],
            )

    def is_gone(failure: dict[str, Any]) -> bool:
        known = list(places(failure))
        return bool(known) and all(
            Path(root).is_dir() and not file_at(root, source_path).exists() for root, source_path in known
        )

    return [failure for failure in failures if is_gone(failure)]
