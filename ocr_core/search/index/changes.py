"""What the library has and an index lacks: results that are new, or about which people have written anew, with their
lines; and results of the index that no longer win.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from ocr_core.library import Snapshot
from ocr_core.library.folding import fold
from ocr_core.library.manifest import DataFile, grouped
from ocr_core.library.views import open_files, reading
from ocr_core.library.written import COUNTED, HUMAN, newest_words
from ocr_core.search.index import build
from ocr_core.search.index.files import Index, State
from ocr_core.search.index.merge import SEGMENT_LINES
from ocr_core.search.stored import RowGroups

_WORDS: Final = pa.schema(
    [
        ("page", pa.uint32()),
        *((name, pa.int32()) for name in ("line_order", "x0", "y0", "x1", "y1")),
        *((name, pa.string()) for name in ("text", "transcriber", "text_search")),
    ]
)
_KEY: Final = "page_id, run_id, created_at"
_RESULT: Final = f"{_KEY}, collection, source_path, page_number"
_SAME: Final = """
  (won.page_id, won.run_id, won.created_at) = (indexed.page_id, indexed.run_id, indexed.created_at)
  AND won.written_at IS NOT DISTINCT FROM indexed.written_at
"""
# What wins: of the whole library, or, from what was added to it and what the index knows of the same pages.
_WON_ANEW: Final = f"""
CREATE TEMP TABLE won AS
SELECT {_RESULT}, written_at FROM pages
LEFT JOIN (SELECT page_id, max(created_at) AS written_at FROM ground_truth_history GROUP BY page_id) USING (page_id)
"""
_WON_SINCE: Final = f"""
CREATE TEMP TABLE won AS
WITH spoken AS (
  SELECT page_id, max(said_at) AS written_at
  FROM (SELECT page_id, created_at AS said_at FROM words UNION ALL SELECT page_id, written_at FROM indexed) GROUP BY page_id)
SELECT * FROM (
  SELECT {_RESULT} FROM (SELECT {_RESULT} FROM results UNION ALL SELECT {_RESULT} FROM indexed)
  QUALIFY row_number() OVER (PARTITION BY page_id ORDER BY created_at DESC, run_id DESC) = 1)
LEFT JOIN spoken USING (page_id)
"""
_LINES: Final = f"""
SELECT f.page, s.line_order, if(w.page IS NULL, s.text_search, w.text_search) AS text_search,
       if(w.page IS NULL, s.confidence, 1) AS confidence, s.script,
       if(w.page IS NULL, s.engine, '{HUMAN}') AS engine, w.text AS written, w.transcriber
FROM stored s JOIN fresh f USING ({_KEY})
LEFT JOIN words w ON f.page = w.page
  AND (s.line_order, s.x0, s.y0, s.x1, s.y1) = (w.line_order, w.x0, w.y0, w.x1, w.y1)
WHERE if(w.page IS NULL, s.words, length(w.text_search)) > 0
"""


def state_of(snapshot: Snapshot) -> State:
    """A state of the library, as far as search is concerned."""
    return frozenset(f.path for name in ("pages", "lines", "ground_truth") for f in snapshot.files(name))


def added_files(snapshot: Snapshot, index: Index, name: str) -> list[DataFile]:
    """The files of a data set that the index has not seen."""
    return [file for file in snapshot.files(name) if file.path not in index.of]


def difference(
    snapshot: Snapshot, index: Index, con: duckdb.DuckDBPyConnection
) -> tuple[pa.Table, list[NDArray[np.bool_]]]:
    """Results that win in the snapshot and are not in the index, and for each segment which results win no more."""
    with reading(snapshot.root):
        if index.of and index.of <= state_of(snapshot):
            for relation, name in (("results", "pages"), ("words", "ground_truth")):
                con.register(relation, open_files(snapshot.root, name, added_files(snapshot, index, name)))
            touched = con.sql("SELECT page_id FROM results UNION SELECT page_id FROM words").to_arrow_table()
            fresh, lost = _compared(con, _WON_SINCE, _results(index, touched))
        else:
            with closing(snapshot.connect()) as views:
                fresh, lost = _compared(views, _WON_ANEW, _results(index, None))
    ends = np.cumsum([len(live.alive) for live in index.parts])
    every = np.zeros(ends[-1] if index.parts else 0, np.bool_)
    every[lost["place"].to_numpy()] = True
    return fresh, list(np.split(every, ends[:-1])) if index.parts else []


def _compared(con: duckdb.DuckDBPyConnection, won: str, indexed: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What `won` makes win and is not `indexed`, and the places of what is indexed and wins no more."""
    con.register("indexed", indexed)
    con.execute(won)
    fresh = con.sql(f"SELECT * FROM won ANTI JOIN indexed ON {_SAME}").to_arrow_table()
    return fresh, con.sql(f"SELECT place FROM indexed ANTI JOIN won ON {_SAME}").to_arrow_table()


def _results(index: Index, touched: pa.Table | None) -> pa.Table:
    """The results that count in the index, those of the pages `touched` only where it is given, each with its `place`
    among the pages of all segments."""
    found = [build.SCHEMAS["pages"].append(pa.field("place", pa.int64())).empty_table()]
    base = 0
    for live in index.parts:
        wanted = live.alive
        if touched is not None:
            wanted = wanted & np.asarray(pc.is_in(live.segment.page_ids, touched["page_id"]))
        places = np.flatnonzero(wanted)
        if len(places):
            rows = live.segment.pages.take(pa.array(places))
            found.append(rows.append_column("place", pa.array(places + base)))
        base += len(live.alive)
    return pa.concat_tables(found)


def lines_of(snapshot: Snapshot, fresh: pa.Table, con: duckdb.DuckDBPyConnection) -> Iterator[build.Part]:
    """The lines of the results `fresh`, in parts of at most `SEGMENT_LINES` where files are not larger."""
    if not fresh.num_rows:
        return
    fresh = fresh.append_column("page", pa.array(np.arange(fresh.num_rows, dtype=np.uint32)))
    ids = sorted(fresh["page_id"].to_pylist())
    runs = {
        (r["collection"], r["run_id"])
        for r in fresh.group_by(["collection", "run_id"]).aggregate([]).to_pylist()
    }
    con.register("fresh", fresh)
    con.register("words", _words(snapshot, fresh, con))
    left = np.ones(fresh.num_rows, np.bool_)
    stored = (f for f in snapshot.files("lines") if (f.collection, f.run_id) in runs)
    groups = list(grouped(stored, lambda file: file.rows, SEGMENT_LINES))
    for number, files in enumerate(groups or [[]]):
        with reading(snapshot.root):
            con.register("stored", _holding(snapshot, files, ids))
            lines = con.sql(_LINES).to_arrow_table()
        here = np.zeros(fresh.num_rows, np.bool_)
        here[lines["page"].to_numpy()] = True
        left &= ~here
        if number >= len(groups) - 1:
            here |= left  # blank pages belong to the index as well: they may take the place of lines
        if here.any():
            places = (np.cumsum(here) - 1).astype(np.uint32)
            page = pa.array(places[lines["page"].to_numpy()])
            yield build.tokenize(
                fresh.filter(pa.array(here)).drop_columns(["page"]), lines.set_column(0, "page", page)
            )


def _holding(snapshot: Snapshot, files: Sequence[DataFile], pages: Sequence[str]) -> ds.Dataset:
    """Files of `lines`, without the row groups that hold none of `pages`, which ascend."""
    whole = open_files(snapshot.root, "lines", list(files))
    parts = []
    for fragment in whole.get_fragments() if files else ():
        held = RowGroups(fragment.path).groups_with(pages)
        if held:
            parts.append(fragment.subset(row_group_ids=held))
    if not parts:
        return ds.dataset(whole.schema.empty_table())
    return ds.FileSystemDataset(parts, whole.schema, whole.format, whole.filesystem)


def _words(snapshot: Snapshot, fresh: pa.Table, con: duckdb.DuckDBPyConnection) -> pa.Table:
    """What people wrote on the lines of the results `fresh`, as far as it takes the place of what was read; of `_WORDS`."""
    if fresh["written_at"].null_count == fresh.num_rows:
        return _WORDS.empty_table()
    with reading(snapshot.root):
        con.register("said", snapshot.dataset("ground_truth"))
        newest = newest_words("page_id IN (SELECT page_id FROM fresh)", "said")
        words = con.sql(
            f"SELECT f.page, w.* FROM ({newest}) w JOIN fresh f USING (page_id) WHERE w.status IN {COUNTED}"
        ).to_arrow_table()
    folded = pa.array([fold(text) for text in words["text"].to_pylist()], pa.string())
    return words.append_column("text_search", folded).select(_WORDS.names).cast(_WORDS)
