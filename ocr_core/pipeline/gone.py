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

    def is_gone(known: list[tuple[str, str]]) -> bool:
        return bool(known) and all(
            Path(root).is_dir() and not file_at(root, source_path).exists() for root, source_path in known
        )

    found = zip(failures, places(library, failures), strict=True)
    return [failure for failure, known in found if is_gone(known)]


def missing_folder(places: Sequence[tuple[str, str]]) -> str:
    """The folder that is missing as a whole, where none of the places has one; else nothing."""
    return "" if any(Path(root).is_dir() for root, _ in places) else next((root for root, _ in places), "")


def places(library: Library, failures: Sequence[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    """For each failure, a row of the view: folders that were read and the path of its file in each."""
    if not failures:
        return []
    documents = {d.doc_id: d for d in library.documents(ids=[f["doc_id"] for f in failures if f["doc_id"]])}
    sources = {run["run_id"]: run["sources"] for run in library.runs()}

    def of(failure: dict[str, Any]) -> Iterator[tuple[str, str]]:
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

    return [list(of(failure)) for failure in failures]
