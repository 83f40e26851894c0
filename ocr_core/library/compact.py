"""Compaction: many small files become few, rows that no view shows any more go, forgotten files are deleted
late.

Safe beside writers and readers. The merge is one manifest version that swaps inputs for outputs; if another
compaction took an input meanwhile, the swap is refused and planned anew. Inputs stay on disk for the grace
time, for readers of older versions. Deleting needs the writers' lock alone, so that a file on its way to
publication is never taken for a forgotten one.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ocr_core.library import durable
from ocr_core.library.manifest import Conflict, DataFile, ManifestLog, grouped
from ocr_core.library.parquet import SORT_KEYS
from ocr_core.library.publish import write_part
from ocr_core.library.schemas import SCHEMAS
from ocr_core.library.views import Snapshot, open_files

log = logging.getLogger(__name__)

GRACE: Final = timedelta(hours=1)
TARGET_BYTES: Final = 32 << 20  # about 250,000 lines, some 300 MB while they are sorted
SMALL_BYTES: Final = TARGET_BYTES * 3 // 4
DEAD_SHARE: Final = (
    0.25  # of a run's pages superseded, from which its files are rewritten even when they are few
)
_KEYS: Final = ["page_id", "run_id", "created_at"]
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Report:
    """What a compaction did. `version` is the one it published, 0 when nothing needed merging."""

    version: int = 0
    merged: int = 0
    written: int = 0
    dropped_rows: int = 0
    deleted: int = 0


def compact(
    root: Path, manifest: ManifestLog, *, min_files: int, grace: timedelta, drop_superseded: bool
) -> Report:
    """See `Library.compact`."""
    report = Report()
    with durable.locked(root / "_log" / ".lock", exclusive=False):
        for _ in range(_ATTEMPTS):
            try:
                report = _merge(root, manifest, min_files, drop_superseded)
                break
            except Conflict:
                log.info("another compaction was quicker; planning again")
    with durable.locked(root / "_log" / ".lock", exclusive=True, wait=False) as alone:
        deleted = _delete_forgotten(root, manifest, grace) if alone else 0
    return replace(report, deleted=deleted)


def _merge(root: Path, manifest: ManifestLog, min_files: int, drop_superseded: bool) -> Report:
    snapshot = Snapshot(root, manifest.state())
    superseded, worn = _superseded(snapshot) if drop_superseded else (None, set())
    added: list[DataFile] = []
    removed: list[DataFile] = []
    for files in _bins(snapshot, min_files, worn):
        # Views know the lines of a lost result by its page, so pages may only go where all lines of the run are looked at.
        whole = files[0].dataset == "lines" or (files[0].collection, files[0].run_id) in worn
        part = _rewrite(root, files, superseded if whole else None)
        added += [part] if part else []
        removed += files
    if not removed:
        return Report()
    for file in removed:
        os.utime(root / file.path)  # the grace time counts from here
    try:
        version = manifest.commit("compact", added, [f.path for f in removed])
    except Conflict:  # and nothing else: after any other trouble the version may stand
        for file in added:
            (root / file.path).unlink(missing_ok=True)
        raise
    dropped = sum(f.rows for f in removed) - sum(f.rows for f in added)
    log.info(
        "version %d: %d files became %d, %d superseded rows dropped",
        version,
        len(removed),
        len(added),
        dropped,
    )
    return Report(version, merged=len(removed), written=len(added), dropped_rows=dropped)


def _superseded(snapshot: Snapshot) -> tuple[pa.Table, set[tuple[str, str]]]:
    """The keys of results that lost, and the (collection, run) where they are more than `DEAD_SHARE` of the pages and
    every file may be rewritten.
    """
    worn = f"""
        SELECT p.collection, p.run_id
        FROM pages_history p LEFT JOIN superseded s USING (page_id, run_id, created_at)
        GROUP BY ALL HAVING count(s.page_id) > {DEAD_SHARE} * count(*)
    """
    with closing(snapshot.connect()) as con:
        keys = con.sql("SELECT page_id, run_id, created_at FROM superseded").to_arrow_table()
        runs = {(c, r) for c, r in con.execute(worn).fetchall()}
    files = [
        f for f in (*snapshot.files("pages"), *snapshot.files("lines")) if (f.collection, f.run_id) in runs
    ]
    runs -= {(f.collection, f.run_id) for f in files if not _understood(snapshot.root, f)}
    schema = pa.schema([SCHEMAS["pages"].field(name) for name in _KEYS])
    return keys.cast(schema), runs


def _bins(snapshot: Snapshot, min_files: int, worn: set[tuple[str, str]]) -> Iterator[list[DataFile]]:
    """Sets of files of one data set, collection and run to be rewritten as one file each."""
    for name in SCHEMAS:
        groups: dict[tuple[str, str], list[DataFile]] = defaultdict(list)
        for file in snapshot.files(name):
            groups[file.collection, file.run_id].append(file)
        for key, files in groups.items():
            rewrite = name in ("pages", "lines") and key in worn
            small = files if rewrite else [f for f in files if f.bytes < SMALL_BYTES]
            if len(small) < min_files and not rewrite:
                continue
            small = [f for f in small if _understood(snapshot.root, f)]
            for chosen in grouped(small, lambda file: file.bytes, TARGET_BYTES):
                if len(chosen) > 1 or rewrite:
                    yield chosen


def _understood(root: Path, file: DataFile) -> bool:
    """Whether the file has no columns but ours: those a newer Warraq wrote would be lost."""
    return set(pq.read_schema(root / file.path).names) <= set(SCHEMAS[file.dataset].names)


def _rewrite(root: Path, files: list[DataFile], superseded: pa.Table | None) -> DataFile | None:
    """One sorted file in place of `files`; None when all their rows are superseded."""
    first = files[0]
    table = open_files(root, first.dataset, files).to_table()
    if superseded is not None and superseded.num_rows and first.dataset in ("pages", "lines"):
        keys = table.select(_KEYS).append_column("row", pa.array(np.arange(table.num_rows)))
        alive = keys.join(superseded, keys=_KEYS, join_type="left anti")["row"]
        if len(alive) < table.num_rows:
            table = table.take(alive)
    if not table.num_rows:
        return None
    table = table.sort_by([(key, "ascending") for key in SORT_KEYS[first.dataset]])
    return write_part(root, first.dataset, first.collection, first.run_id, table)


def _delete_forgotten(root: Path, manifest: ManifestLog, grace: timedelta) -> int:
    """Delete files of the data sets that no version lists any more or that a crash left behind, older than
    `grace`.
    """
    live = manifest.state().files
    oldest = time.time() - grace.total_seconds()
    forgotten = [
        path
        for name in SCHEMAS
        for pattern in ("part-*.parquet", ".part-*.tmp")
        for path in (root / name).glob(f"collection=*/run=*/{pattern}")
        if path.relative_to(root).as_posix() not in live
    ]
    forgotten += (root / "_log" / ".tmp").glob("*.tmp")
    deleted = 0
    for path in forgotten:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime <= oldest:
                path.unlink()
                deleted += 1
    for name in SCHEMAS:
        for folder in (*(root / name).glob("collection=*/run=*"), *(root / name).glob("collection=*")):
            with suppress(OSError):
                folder.rmdir()  # only when empty
    return deleted
