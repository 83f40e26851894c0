"""What runs and tools ask of a library: states of pages, standing failures, documents and where they were found, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ocr_core.library.views import Snapshot
from ocr_core.records import Failure, Script, Stage, Status


@dataclass(frozen=True, slots=True)
class PageState:
    """How far a page has come. Equal states are one object, so a million of them cost little.

    `fingerprint` and the engine are empty for a page that only ever failed; `reason` is why it waits or how
    it failed.
    """

    status: Status
    fingerprint: str
    script: Script
    reason: str
    run_id: str
    engine: str
    engine_version: str
    collection: str


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document the library knows. `copies` are (root, source_path) of other places with the same bytes."""

    doc_id: str
    collection: str
    source_path: str
    root: str
    media_type: str
    pages: int
    size_bytes: int
    copies: tuple[tuple[str, str], ...]


def page_states(
    con: duckdb.DuckDBPyConnection, collection: str | None = None, pages: Sequence[str] | None = None
) -> dict[str, PageState]:
    """Every page, or each of `pages`, that has a result or stands failed, by page id. A page with an older good
    result that failed later has the state of that result; its failure is among `open_failures`.
    """
    query = """
        WITH states AS (
          SELECT page_id, status, fingerprint, script, reason, run_id, engine, engine_version, collection
          FROM pages
          UNION ALL
          SELECT page_id, 'failed', '', 'none', kind || ': ' || message, run_id, '', '', collection
          FROM failures WHERE page_id <> '' AND page_id NOT IN (SELECT page_id FROM pages))
        SELECT * FROM states WHERE ($collection IS NULL OR collection = $collection)
    """
    chosen: dict[str, Any] = {}
    if pages is not None:
        query += " AND page_id IN (SELECT unnest($pages))"
        chosen = {"pages": list(pages)}
    shared: dict[tuple[str, ...], PageState] = {}
    states: dict[str, PageState] = {}
    for batch in _table(con, query, collection=collection, **chosen).to_batches(max_chunksize=50_000):
        ids, *columns = (column.to_pylist() for column in batch.columns)
        for page_id, key in zip(ids, zip(*columns, strict=True), strict=True):
            state = shared.get(key)
            if state is None:
                status, fingerprint, script, *rest = key
                state = shared[key] = PageState(Status(status), fingerprint, Script(script), *rest)
            states[page_id] = state
    return states


def open_failures(con: duckdb.DuckDBPyConnection, collection: str | None = None) -> list[Failure]:
    """Failures that still stand, `attempts` summed over runs, by path and page."""
    query = """
        SELECT source_path, stage, kind, message, remedy, page_id, doc_id, page_number, attempts
        FROM failures WHERE $collection IS NULL OR collection = $collection
        ORDER BY source_path, page_number, page_id
    """
    rows = _table(con, query, collection=collection).to_pylist()
    return [Failure(**row | {"stage": Stage(row["stage"])}) for row in rows]


def documents(
    con: duckdb.DuckDBPyConnection, collection: str | None = None, ids: Sequence[str] | None = None
) -> list[StoredDocument]:
    """The documents, or those with one of these ids, by path."""
    chosen = {} if ids is None else {"ids": list(ids)}
    query = f"""
        SELECT doc_id, collection, source_path, root, media_type, pages, size_bytes, copies, copy_roots
        FROM documents WHERE ($collection IS NULL OR collection = $collection)
          {"AND doc_id IN (SELECT unnest($ids))" if chosen else ""}
        ORDER BY source_path, root, doc_id
    """
    rows = _table(con, query, collection=collection, **chosen).to_pylist()
    return [
        StoredDocument(**row | {"copies": tuple(zip(row.pop("copy_roots"), row["copies"], strict=True))})
        for row in rows
    ]


def places(snapshot: Snapshot, doc_id: str) -> list[tuple[str, str]]:
    """Root and source path of every file that was found with these bytes, those found last first. It costs a look at
    one document, however many the library has."""
    columns = ["root", "source_path", "copy_roots", "copies", "created_at"]
    table = snapshot.dataset("documents").to_table(columns, filter=pc.field("doc_id") == doc_id)
    rows = table.sort_by([("created_at", "descending")]).to_pylist()
    own = ((row["root"], row["source_path"]) for row in rows)
    copies = (pair for row in rows for pair in zip(row["copy_roots"], row["copies"], strict=True))
    return list(dict.fromkeys((*own, *copies)))


def runs(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The runs, oldest first, as rows of the view."""
    return _table(con, "SELECT * FROM runs ORDER BY started_at, run_id").to_pylist(maps_as_pydicts="strict")


def page_rows(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows of the view `pages` by their ids, as far as they are there."""
    table = _table(con, "SELECT * FROM pages WHERE page_id IN (SELECT unnest($ids))", ids=list(ids))
    return {row["page_id"]: row for row in table.to_pylist(maps_as_pydicts="strict")}


def _table(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> pa.Table:
    return con.sql(query, params=parameters or None).to_arrow_table()
