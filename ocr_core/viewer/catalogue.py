"""What the viewer asks of a library, from one connection that is kept until the library moves on.

Opening the views of a million pages costs about as much as reading their ids once; a page of the viewer must not. So a
request asks for a few rows, by keys in whose order they lie (`after`, `before`), never for row number so and so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa

from ocr_core.errors import LibraryError
from ocr_core.library import Library, Snapshot
from ocr_core.library.schemas import SCHEMAS
from ocr_core.library.status import COLLECTIONS

log = logging.getLogger(__name__)

Row = dict[str, Any]
_T = TypeVar("_T")

SHARE_OF_TIME: Final = 0.05  # that opening new versions may take while a run publishes one after the other

# Documents in the order of their paths, with what their pages came to: DuckDB keeps the ranges of what it stores, so a
# few documents after a given path are found without reading the others.
_SHELF: Final = """
CREATE TEMP TABLE shelf AS
WITH read AS (
  SELECT doc_id, count(*) FILTER (status = 'done') AS done, count(*) FILTER (status = 'blank') AS blank,
         count(*) FILTER (status = 'pending') AS pending, CAST(sum(lines) AS BIGINT) AS lines,
         sum(confidence * chars) / nullif(sum(chars) FILTER (confidence IS NOT NULL), 0) AS confidence
  FROM pages GROUP BY doc_id),
newest AS (  -- as the view `documents`, without looking for copies
  SELECT * FROM documents_history
  QUALIFY row_number() OVER (PARTITION BY doc_id ORDER BY created_at DESC, run_id DESC) = 1)
SELECT d.collection, d.source_path, d.doc_id, d.media_type, d.pages, d.size_bytes,
       coalesce(done, 0) AS done, coalesce(blank, 0) AS blank, coalesce(pending, 0) AS pending,
       coalesce(lines, 0) AS lines, confidence
FROM newest d LEFT JOIN read USING (doc_id) ORDER BY collection, source_path, doc_id
"""
_STANDING: Final = """
CREATE TEMP TABLE standing AS
SELECT row_number() OVER (ORDER BY collection, source_path, page_number, page_id) AS place, * FROM failures
"""
_WRITTEN: Final = frozenset({"ground_truth", "samples", "audits"})
_TABLES: Final = {"shelf": _SHELF, "standing": _STANDING}


class Catalogue:
    """Reads a library for the viewer, its newest version or one published moments ago. Safe for several threads, which
    take turns."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._turn = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._version = -1
        self._files: dict[str, list[str]] = {}
        self._opened_at = self._opening_s = 0.0
        self._kept: dict[str, Any] = {}

    def collections(self) -> list[Row]:
        """A row each with its documents, pages = done + blank + failed + pending, and lines."""
        return self._keep("collections", lambda con: _rows(con, COLLECTIONS))

    def documents(
        self,
        collection: str,
        limit: int,
        *,
        after: tuple[str, str] | None = None,
        before: tuple[str, str] | None = None,
    ) -> list[Row]:
        """At most `limit` documents of a collection in the order of (path, id), those next after or before a key."""
        key = after or before
        where = "" if key is None else f"AND (source_path, doc_id) {'>' if after else '<'} ($path, $id)"
        # The path alone as well: of the pair DuckDB does not see which rows it can leave out.
        if key is not None:
            where += f" AND source_path {'>=' if after else '<='} $path"
        way = "ASC" if before is None else "DESC"
        query = f"""
            SELECT * FROM shelf WHERE collection = $collection {where}
            ORDER BY source_path {way}, doc_id {way} LIMIT {int(limit)}
        """
        values = {"collection": collection} | ({"path": key[0], "id": key[1]} if key else {})
        rows = self._ask("shelf", query, values)
        return rows if before is None else rows[::-1]

    def document(self, doc_id: str) -> Row | None:
        found = self._ask("shelf", "SELECT * FROM shelf WHERE doc_id = $id", {"id": doc_id})
        return found[0] if found else None

    def pages(self, doc_id: str, first: int, limit: int) -> list[Row]:
        """Pages `first` … `first + limit - 1` of a document, in order, as far as they were read."""
        query = """
            SELECT page_id, page_number, status, script, lines, confidence, width, height FROM pages
            WHERE doc_id = $id AND page_number >= $first AND page_number < $end ORDER BY page_number
        """
        return self._ask(None, query, {"id": doc_id, "first": first, "end": first + limit})

    def page(self, page_id: str, doc_id: str) -> Row | None:
        query = "SELECT * FROM pages WHERE doc_id = $doc AND page_id = $page"
        found = self._ask(None, query, {"doc": doc_id, "page": page_id})
        return found[0] if found else None

    def lines(self, page: Row) -> list[Row]:
        """The lines of a page, in reading order."""
        query = """
            SELECT * FROM lines
            WHERE doc_id = $doc AND page_id = $page AND collection = $collection AND run_id = $run ORDER BY line_order
        """
        values = {
            "doc": page["doc_id"],
            "page": page["page_id"],
            "collection": page["collection"],
            "run": page["run_id"],
        }
        return self._ask(None, query, values)

    def written(self, page: Row) -> list[Row]:
        """What people wrote last about each line of a page, corrections or not."""
        query = """
            SELECT line_id, x0, y0, x1, y1, text, status, transcriber, origin, created_at FROM ground_truth_history
            WHERE doc_id = $doc AND page_id = $page
            QUALIFY row_number() OVER (PARTITION BY line_id, x0, y0, x1, y1 ORDER BY created_at DESC, run_id DESC) = 1
        """
        return self._ask(None, query, {"doc": page["doc_id"], "page": page["page_id"]})

    def failures(
        self, limit: int, *, after: int = 0, kind: str | None = None, run: str | None = None
    ) -> list[Row]:
        """Standing failures by path, each with its `place` in that order: those after a place, of a kind, of a run."""
        query = f"""
            SELECT * FROM standing WHERE place > $after AND ($kind IS NULL OR kind = $kind)
              AND ($run IS NULL OR run_id = $run) ORDER BY place LIMIT {int(limit)}
        """
        return self._ask("standing", query, {"after": after, "kind": kind, "run": run})

    def failures_of_document(self, doc_id: str) -> list[Row]:
        return self._ask(
            "standing",
            "SELECT * FROM standing WHERE doc_id = $id ORDER BY page_number LIMIT 1000",
            {"id": doc_id},
        )

    def kinds_of_failure(self) -> list[Row]:
        """How often each kind stands, the most frequent first, with one of its remedies."""
        query = """
            SELECT kind, count(*) AS pages, any_value(remedy) AS remedy FROM standing GROUP BY kind ORDER BY pages DESC, kind
        """
        return self._keep("kinds", lambda con: _rows(self._with("standing", con), query))

    def waiting(self) -> list[Row]:
        """Pages by the reason they wait."""
        query = """
            SELECT reason, count(*) AS pages FROM pages WHERE status = 'pending' GROUP BY reason ORDER BY pages DESC, reason
        """
        return self._keep("waiting", lambda con: _rows(con, query))

    def runs(self, limit: int, *, before: str | None = None) -> list[Row]:
        """At most `limit` runs, the newest first, those older than the run `before`."""
        query = f"""
            SELECT * FROM runs WHERE $before IS NULL OR (started_at, run_id) <
              (SELECT (started_at, run_id) FROM runs WHERE run_id = $before)
            ORDER BY started_at DESC, run_id DESC LIMIT {int(limit)}
        """
        return self._ask(None, query, {"before": before})

    def run(self, run_id: str) -> Row | None:
        found = self._ask(None, "SELECT * FROM runs WHERE run_id = $id", {"id": run_id})
        return found[0] if found else None

    # -- the connection --------------------------------------------------------------------------------

    def _ask(self, table: str | None, query: str, values: dict[str, Any] | None = None) -> list[Row]:
        return self._reading(lambda con: _rows(self._with(table, con), query, values))

    def _keep(self, name: str, read: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        """What `read` found, until the library moves on."""

        def kept(con: duckdb.DuckDBPyConnection) -> _T:
            if name not in self._kept:
                self._kept[name] = read(con)
            found: _T = self._kept[name]
            return found

        return self._reading(kept)

    def _with(self, table: str | None, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The connection, once it has a table of `_TABLES`."""
        if table is not None and f"table {table}" not in self._kept:
            started = time.monotonic()
            con.execute(_TABLES[table])
            self._kept[f"table {table}"] = True
            self._opening_s += time.monotonic() - started
        return con

    def _reading(self, read: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        with self._turn:
            for last in (False, True):
                try:
                    return read(self._current(anew=last))
                except (duckdb.Error, pa.ArrowException, OSError) as error:
                    if last:  # the first time compaction may have taken a file away
                        raise LibraryError(
                            f"{self.library.root} cannot be read: {error}",
                            remedy="Check the disk, or restore from a backup.",
                        ) from error
        raise AssertionError

    def _current(self, *, anew: bool) -> duckdb.DuckDBPyConnection:
        if self._con is None or anew:
            return self._open(self.library.snapshot())
        if self.library.version == self._version:
            return self._con
        snapshot = self.library.snapshot()
        moved = [name for name, files in _files(snapshot).items() if files != self._files[name]]
        if (
            set(moved) <= _WRITTEN
        ):  # what people write is shown at once, and nothing else has to be read again
            for name in moved:
                self._con.register(f"{name}_history", snapshot.dataset(name))
            self._version, self._files = snapshot.version, _files(snapshot)
        elif time.monotonic() - self._opened_at > self._opening_s / SHARE_OF_TIME:
            return self._open(snapshot)
        return self._con

    def _open(self, snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
        self._close()
        started = time.monotonic()
        self._con = snapshot.connect()
        self._version, self._files = snapshot.version, _files(snapshot)
        self._opened_at = time.monotonic()
        self._opening_s = self._opened_at - started
        log.debug("version %d opened in %.3f s", self._version, self._opening_s)
        return self._con

    def _close(self) -> None:
        self._kept = {}
        if self._con is not None:
            self._con.close()
            self._con = None


def _files(snapshot: Snapshot) -> dict[str, list[str]]:
    """Paths of the files of each data set."""
    return {name: [file.path for file in snapshot.files(name)] for name in SCHEMAS}


def _rows(con: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None) -> list[Row]:
    found: list[Row] = con.sql(query, params=values).to_arrow_table().to_pylist(maps_as_pydicts="strict")
    return found
