"""Rows of the library's `lines` by key, reading only the row groups that hold them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocr_core.library import Snapshot
from ocr_core.library.manifest import DataFile, State

CACHED_GROUPS: Final = 64  # row groups kept in memory, somewhat less than 1 MiB each

_KEY: Final = ("page_id", "created_at", "line_order")  # within a run, which has files of its own


class LineKey(NamedTuple):
    """Names one line of one result of a page."""

    page_id: str
    run_id: str
    created_at: datetime
    line_order: int


class StoredLines:
    """Finds lines, and keeps their files open. Not for several threads at once.

    Args:
        columns: to read, of the schema of `lines`; one that an old file lacks is None.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._state: State | None = None
        self._files_of_runs: dict[str, list[DataFile]] = defaultdict(list)
        self._files: dict[str, RowGroups] = {}
        self._groups: OrderedDict[tuple[str, int], pa.Table] = OrderedDict()

    def rows(self, snapshot: Snapshot, keys: Sequence[LineKey]) -> dict[LineKey, dict[str, Any]]:
        """The lines with these keys, as far as the snapshot has them.

        Raises:
            OSError, pa.ArrowException: a file cannot be read.
        """
        keys_of_runs: dict[str, set[LineKey]] = defaultdict(set)
        for key in keys:
            keys_of_runs[key.run_id].add(key)
        found: dict[LineKey, dict[str, Any]] = {}
        self._turn_to(snapshot)
        for run_id, wanted in keys_of_runs.items():
            for file in self._files_of_runs[run_id]:
                for row in self._rows(snapshot, file, wanted):
                    key = LineKey(row["page_id"], run_id, row["created_at"], row["line_order"])
                    if key in wanted:
                        found[key] = {name: row.get(name) for name in self._columns}
        return found

    def _rows(self, snapshot: Snapshot, file: DataFile, wanted: set[LineKey]) -> Iterator[dict[str, Any]]:
        """The rows of a file with the keys `wanted`, and maybe a few more."""
        if file.path not in self._files:
            self._files[file.path] = RowGroups(str(snapshot.root / file.path))
        pages = sorted({key.page_id for key in wanted})
        ids = pa.array(pages, pa.string())
        orders = pa.array(sorted({key.line_order for key in wanted}), pa.int32())
        for number in self._files[file.path].groups_with(pages):
            group = self._group(file.path, number)
            here = pc.and_(pc.is_in(group["page_id"], ids), pc.is_in(group["line_order"], orders))
            for place in np.flatnonzero(here):  # few: filtering all columns takes longer
                yield {name: group[name][int(place)].as_py() for name in group.column_names}

    def _group(self, path: str, number: int) -> pa.Table:
        key = (path, number)
        if key not in self._groups:
            self._groups[key] = self._files[path].read(number, [*dict.fromkeys((*_KEY, *self._columns))])
            if len(self._groups) > CACHED_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _turn_to(self, snapshot: Snapshot) -> None:
        """Learn which files a version has, and close others."""
        if snapshot.state is self._state:
            return
        self._state = snapshot.state
        self._files_of_runs.clear()
        for file in snapshot.files("lines"):
            self._files_of_runs[file.run_id].append(file)
        for path in self._files.keys() - snapshot.state.files.keys():
            del self._files[path]


class RowGroups:
    """An open file of `lines`. Its rows are sorted by document and page, so few row groups hold a page."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path, pre_buffer=False)
        metadata = self._file.metadata
        column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == "page_id")
        statistics = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
        self._bounds = [(s.min, s.max) if s is not None and s.has_min_max else ("", "~") for s in statistics]

    def groups_with(self, pages: Sequence[str]) -> list[int]:
        """The row groups that may hold some of these pages.

        Args:
            pages: ids, ascending.
        """
        return [
            group
            for group, (low, high) in enumerate(self._bounds)
            if bisect_left(pages, low) < bisect_right(pages, high)
        ]

    def read(self, group: int, columns: list[str]) -> pa.Table:
        return self._file.read_row_group(group, columns=columns, use_threads=False)  # too small to share
