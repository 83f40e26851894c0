"""One snapshot of the library as Arrow data sets and as SQL views.

DuckDB never opens a file itself: it scans Arrow data sets that Python registered, so the views keep working
when its access to files is switched off for queries of strangers.

Two relations per data set: `pages_history` holds every published row, `pages` what counts today:

- pages, lines: the newest published result of each page (by created_at, then run_id), lines of that result
  only. A page that failed later keeps its older good result here; its failure stands in `failures` until a
  newer result.
- documents: one row per content, `copies` being every other path it was found under.
- failures: one row per page or file that still stands failed; `attempts` summed over the runs since. A page's
  failure ends with a newer result of the page or with other content under its path; a file's failure with a
  newer document at its path; either when it is dismissed (see `dismissal`).
- runs: the newest record of each run.
- ground_truth: the newest words of each person about a line (corrections, written with the reading in sight, apart).
- samples: all rows. audits: the newest report of each audit and label.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from ocr_core.errors import LibraryError
from ocr_core.library.manifest import DataFile, State
from ocr_core.library.schemas import SCHEMAS

UNREADABLE: Final = (duckdb.Error, pa.ArrowException, OSError)
"""What comes of reading files that are missing or damaged."""

_SUPERSEDED: Final = """
CREATE TEMP TABLE superseded AS
WITH again AS (SELECT page_id FROM pages_history GROUP BY page_id HAVING count(*) > 1),
placed AS (
  SELECT page_id, run_id, created_at,
         rank() OVER (PARTITION BY page_id ORDER BY created_at DESC, run_id DESC) AS place
  FROM pages_history SEMI JOIN again USING (page_id))
SELECT page_id, run_id, created_at FROM placed WHERE place > 1
"""

_VIEWS: Final = {
    "pages": """
SELECT {columns} FROM pages_history ANTI JOIN superseded USING (page_id, run_id, created_at)
""",
    "lines": """
SELECT {columns} FROM lines_history ANTI JOIN superseded USING (page_id, run_id, created_at)
""",
    "documents": """
WITH winners AS (
  SELECT * FROM documents_history
  QUALIFY row_number() OVER (PARTITION BY doc_id ORDER BY created_at DESC, run_id DESC) = 1),
paths AS (
  SELECT doc_id, root, source_path FROM documents_history
  UNION
  SELECT doc_id, unnest(copy_roots), unnest(copies) FROM documents_history),
others AS (
  SELECT p.doc_id, list(p.source_path ORDER BY p.root, p.source_path) AS copies,
         list(p.root ORDER BY p.root, p.source_path) AS copy_roots
  FROM paths p JOIN winners w USING (doc_id)
  WHERE p.root <> w.root OR p.source_path <> w.source_path
  GROUP BY p.doc_id)
SELECT w.* REPLACE (coalesce(o.copies, []) AS copies, coalesce(o.copy_roots, []) AS copy_roots)
FROM winners w LEFT JOIN others o USING (doc_id)
""",
    "failures": """
WITH keyed AS (
  SELECT *, coalesce(nullif(page_id, ''), collection || '/' || source_path) AS subject FROM failures_history
  QUALIFY row_number() OVER (PARTITION BY subject, run_id ORDER BY created_at DESC) = 1),
results AS (
  SELECT page_id, max(created_at) AS seen_at
  FROM pages_history SEMI JOIN failures_history USING (page_id) GROUP BY page_id),
opened AS (
  SELECT collection, source_path, doc_id, created_at FROM documents_history
  UNION ALL
  SELECT collection, unnest(copies), doc_id, created_at FROM documents_history),
dismissals AS (
  SELECT subject, max(created_at) AS said_at FROM keyed WHERE dismissed <> '' GROUP BY subject),
standing AS (
  SELECT * FROM keyed k
  WHERE NOT EXISTS (
    SELECT 1 FROM dismissals d WHERE d.subject = k.subject AND d.said_at >= k.created_at)
  AND NOT EXISTS (
    SELECT 1 FROM results r WHERE r.page_id = k.page_id AND r.seen_at >= k.created_at)
  AND NOT EXISTS (
    SELECT 1 FROM opened o
    WHERE o.collection = k.collection AND o.source_path = k.source_path AND o.created_at > k.created_at
      AND (k.page_id = '' OR o.doc_id <> k.doc_id)))
SELECT {columns} FROM (
  SELECT * REPLACE (CAST(sum(attempts) OVER (PARTITION BY subject) AS INTEGER) AS attempts) FROM standing
  QUALIFY row_number() OVER (PARTITION BY subject ORDER BY created_at DESC, run_id DESC) = 1)
""",
    "runs": """
SELECT * FROM runs_history
QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY created_at DESC) = 1
""",
    "ground_truth": """
SELECT * FROM ground_truth_history
QUALIFY row_number() OVER (
  PARTITION BY line_id, x0, y0, x1, y1, transcriber, origin = 'correction'
  ORDER BY created_at DESC, run_id DESC) = 1
""",
    "samples": "SELECT * FROM samples_history",
    "audits": """
SELECT * FROM audits_history
QUALIFY created_at = max(created_at) OVER (PARTITION BY audit_id, label)
""",
}


_OF_RESULTS: Final = frozenset({"pages", "lines"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one version of a library. They stay on disk for the grace time of compaction at least."""

    root: Path
    state: State

    @property
    def version(self) -> int:
        return self.state.version

    def files(self, dataset: str) -> list[DataFile]:
        return self.state.of(dataset)

    def dataset(self, name: str) -> ds.Dataset:
        """Every row of a data set, with the columns and types of its schema; missing columns are NULL."""
        return open_files(self.root, name, self.files(name))

    def connect(self, *, memory_limit: str | None = None, results: bool = True) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB connection with the views. The caller closes it.

        Args:
            memory_limit: as DuckDB writes it, e.g. "1GiB"; None leaves DuckDB's own.
            results: with the views `pages` and `lines`, for which the ids of all pages are read.
        """
        con = duckdb.connect(":memory:")
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")  # it would be drawn on stdout, which is for data
        if memory_limit:
            con.execute("SET memory_limit = $limit", {"limit": memory_limit})
        for name in SCHEMAS:
            con.register(f"{name}_history", self.dataset(name))
        if results:
            con.execute(_SUPERSEDED)
        for name, query in _VIEWS.items():
            if name in _OF_RESULTS and not results:
                continue
            columns = ", ".join(f'"{column}"' for column in SCHEMAS[name].names)
            con.execute(f"CREATE VIEW {name} AS {query.format(columns=columns)}")
        return con


@contextmanager
def reading(root: Path) -> Iterator[None]:
    """Turn errors of reading the files of the library at `root` into `LibraryError`."""
    try:
        yield
    except UNREADABLE as error:
        raise LibraryError(
            f"{root} cannot be read: {error}",
            remedy="Check the disk and that the folder for temporary files has room; else restore from a backup.",
        ) from error


def open_files(root: Path, name: str, files: list[DataFile]) -> ds.Dataset:
    """An Arrow data set over `files` of the data set `name`, which knows their collection and run without
    opening them.
    """
    schema = SCHEMAS[name]
    if not files:
        return ds.dataset(schema.empty_table())
    known = [(pc.field("collection") == f.collection) & (pc.field("run_id") == f.run_id) for f in files]
    return ds.FileSystemDataset.from_paths(
        [str(root / f.path) for f in files],
        schema=schema,
        format=ds.ParquetFileFormat(),
        filesystem=fs.LocalFileSystem(),
        partitions=known,
    )
