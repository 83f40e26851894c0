"""Rows of the library's `lines` by key, reading only the row groups that hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocr_core.library import Snapshot
from ocr_core.library.manifest import DataFile

_KEY = ("page_id", "run_id", "created_at", "line_order")


class LineKey(NamedTuple):
    """Names one line of one result of a page."""

    page_id: str
    run_id: str
    created_at: datetime
    line_order: int


class _File:
    """An open file of `lines`. Its rows are sorted by document and page, so few row groups hold a page."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path)
        metadata = self._file.metadata
        column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == "page_id")
        statistics = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
        known = [s is not None and s.has_min_max for s in statistics]
        self._low = np.array([s.min if k else "" for s, k in zip(statistics, known, strict=True)], object)
        self._high = np.array(
            [s.max if k else "\U0010ffff" for s, k in zip(statistics, known, strict=True)], object
        )

    def rows(self, pages: set[str], columns: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of these pages, with their keys."""
        held = np.zeros(len(self._low), np.bool_)
        for page in pages:
            held |= (self._low <= page) & (self._high >= page)
        groups = [int(group) for group in np.flatnonzero(held)]
        if not groups:
            return []
        table = self._file.read_row_groups(groups, columns=[*dict.fromkeys((*_KEY, *columns))])
        rows: list[dict[str, Any]] = table.filter(
            pc.is_in(table["page_id"], pa.array(sorted(pages), pa.string()))
        ).to_pylist()
        return rows


class StoredLines:
    """Finds lines, and keeps their files open. Not for several threads at once."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def rows(
        self, snapshot: Snapshot, keys: Sequence[LineKey], columns: Sequence[str]
    ) -> dict[LineKey, dict[str, Any]]:
        """The lines with these keys.

        Args:
            columns: of the schema of `lines`; one that an old file lacks is None.

        Raises:
            OSError, pa.ArrowException: a file cannot be read.
        """
        pages_of_runs: dict[str, set[str]] = defaultdict(set)
        for key in keys:
            pages_of_runs[key.run_id].add(key.page_id)
        wanted = set(keys)
        found: dict[LineKey, dict[str, Any]] = {}
        files = snapshot.files("lines")
        self._forget_others(files)
        for file in files:
            if pages := pages_of_runs.get(file.run_id):
                for row in self._open(snapshot, file).rows(pages, columns):
                    key = LineKey(*(row[name] for name in _KEY))
                    if key in wanted:
                        found[key] = {name: row.get(name) for name in columns}
        return found

    def _open(self, snapshot: Snapshot, file: DataFile) -> _File:
        if file.path not in self._files:
            self._files[file.path] = _File(str(snapshot.root / file.path))
        return self._files[file.path]

    def _forget_others(self, files: Sequence[DataFile]) -> None:
        for path in self._files.keys() - {file.path for file in files}:
            del self._files[path]
