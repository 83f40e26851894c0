"""Arrow tables → Parquet files under their final names, unseen until a manifest version lists them."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ocr_core.library import durable, names
from ocr_core.library.manifest import DataFile
from ocr_core.library.schemas import ROW_GROUP_ROWS, parquet_options


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
