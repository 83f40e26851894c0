"""One connection to a library, kept until the library moves on.

Opening the views of a million pages costs about as much as reading their ids once; a page of the viewer must not. While
a run publishes one version after the other, they are therefore opened at a distance; what people write is there at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import duckdb

from ocr_core.library import Library, Snapshot
from ocr_core.library.schemas import SCHEMAS
from ocr_core.library.views import UNREADABLE, reading

log = logging.getLogger(__name__)

Row = dict[str, Any]
_T = TypeVar("_T")

SHARE_OF_TIME: Final = 0.05  # that opening versions may take
_WRITTEN: Final = frozenset({"ground_truth", "samples", "audits"})


class OpenedLibrary:
    """Answers queries on the newest version of a library, or one published moments ago. Safe for several threads, which
    take turns.

    Args:
        tables: by name the SQL that creates them, each when it is first asked for.

    Every method raises LibraryError where the library cannot be read.
    """

    def __init__(self, library: Library, tables: Mapping[str, str]) -> None:
        self._library = library
        self._tables = tables
        self._turn = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._version = -1
        self._files: dict[str, list[str]] = {}
        self._opened_at = self._opening_s = 0.0
        self._kept: dict[str, list[Row]] = {}
        self._made: set[str] = set()

    def rows(
        self, query: str, values: Mapping[str, Any] | None = None, *, table: str | None = None
    ) -> list[Row]:
        """The rows of a query, which may use `table`."""
        return self._reading(lambda con: self._rows(con, query, values, table))

    def kept_rows(self, name: str, query: str, *, table: str | None = None) -> list[Row]:
        """As `rows`, remembered by this name until the library moves on."""

        def read(con: duckdb.DuckDBPyConnection) -> list[Row]:
            if name not in self._kept:
                self._kept[name] = self._rows(con, query, None, table)
            return self._kept[name]

        return self._reading(read)

    def _rows(
        self,
        con: duckdb.DuckDBPyConnection,
        query: str,
        values: Mapping[str, Any] | None,
        table: str | None,
    ) -> list[Row]:
        if table is not None and table not in self._made:
            started = time.monotonic()
            con.execute(self._tables[table])
            self._made.add(table)
            self._opening_s += time.monotonic() - started
        found: list[Row] = con.sql(query, params=values).to_arrow_table().to_pylist(maps_as_pydicts="strict")
        return found

    def _reading(self, read: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        with self._turn, reading(self._library.root):
            with suppress(*UNREADABLE):  # compaction may have taken a file away
                return read(self._current(anew=False))
            return read(self._current(anew=True))

    def _current(self, *, anew: bool) -> duckdb.DuckDBPyConnection:
        if self._con is None or anew:
            return self._open(self._library.snapshot())
        if self._library.version == self._version:
            return self._con
        snapshot = self._library.snapshot()
        files = _files(snapshot)
        for name in _WRITTEN:
            if files[name] != self._files[name]:
                self._con.register(f"{name}_history", snapshot.dataset(name))
                self._files[name] = files[name]
        if files == self._files:
            self._version = snapshot.version
        elif time.monotonic() - self._opened_at > self._opening_s / SHARE_OF_TIME:
            return self._open(snapshot)
        return self._con

    def _open(self, snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
        if self._con is not None:
            self._con.close()
            self._con = None
        self._kept.clear()
        self._made.clear()
        started = time.monotonic()
        self._con = snapshot.connect()
        self._version, self._files = snapshot.version, _files(snapshot)
        self._opened_at = time.monotonic()
        self._opening_s = self._opened_at - started
        log.debug("version %d opened in %.3f s", self._version, self._opening_s)
        return self._con


def _files(snapshot: Snapshot) -> dict[str, list[str]]:
    """Paths of the files of each data set."""
    return {name: [file.path for file in snapshot.files(name)] for name in SCHEMAS}
