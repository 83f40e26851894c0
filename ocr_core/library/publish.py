"""Arrow tables → Parquet files under their final names, unseen until a manifest version lists them."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ocr_core.library import durable, names
from ocr_core.library.manifest import DataFile, ManifestLog
from ocr_core.library.parquet import ROW_GROUP_ROWS, parquet_options

log = logging.getLogger(__name__)


class Publisher:
    """Publishes tables as versions of a library, and dates them. Threads may share one."""

    def __init__(self, root: Path, manifest: ManifestLog) -> None:
        self._root = root
        self._manifest = manifest
        self._clock = threading.Lock()
        self._last_stamp = datetime.min.replace(tzinfo=UTC)

    def stamp(self) -> datetime:
        """Now, but later than anything published and any stamp given before: clocks differ and are put back."""
        with self._clock:
            newest = max(self._last_stamp, self._manifest.published_at())
            self._last_stamp = max(datetime.now(UTC), newest + timedelta(microseconds=1))
            return self._last_stamp

    def publish(
        self, run_id: str, tables: Sequence[tuple[str, str, pa.Table]], *, at: datetime | None
    ) -> int:
        """Publish tables, each with its data set and collection, as one version, which is returned. Where all are empty,
        nothing is published.

        Args:
            at: the `created_at` of the rows, where it is one.

        Raises:
            LibraryError: the disk is full, read-only or broken; nothing was published.
        """
        tables = [entry for entry in tables if entry[2].num_rows]
        if not tables:
            return self._manifest.latest()
        with durable.disk_errors(self._root, "publish"):
            self._manifest.prepare()
            with durable.locked(self._root / "_log" / ".lock", exclusive=False):
                parts = [
                    write_part(self._root, name, collection, run_id, table)
                    for name, collection, table in tables
                ]
                version = self._manifest.commit("publish", parts, at=at)
        log.debug("version %d: %s", version, ", ".join(f"{p.dataset} {p.rows}" for p in parts))
        return version


def run_folders(root: Path, collection: str) -> list[Path]:
    """The folders that a run writes below; some may be missing yet."""
    return [
        _folder(root, dataset, collection) for dataset in ("documents", "pages", "lines", "failures", "runs")
    ]


def _folder(root: Path, dataset: str, collection: str) -> Path:
    return root / dataset / f"collection={names.encode(collection)}"


def write_part(root: Path, dataset: str, collection: str, run_id: str, table: pa.Table) -> DataFile:
    """Write `table` (already sorted) as one file of the data set, synced and renamed to its final name."""
    folder = _folder(root, dataset, collection) / f"run={run_id}"
    durable.make_folders(folder)
    token = uuid.uuid4().hex
    draft, final = folder / f".part-{token}.tmp", folder / f"part-{token}.parquet"
    try:
        pq.write_table(table, draft, row_group_size=ROW_GROUP_ROWS[dataset], **parquet_options(table.schema))
        durable.sync_file(draft)
        draft.rename(final)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    durable.sync_folder(folder)
    return DataFile(final.relative_to(root).as_posix(), table.num_rows, final.stat().st_size)
