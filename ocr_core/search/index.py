"""Keeping the index up to date with the library.

The index answers for one state of the library, known by the names of its files of pages, lines and people's words,
which are never given twice. A library that has moved on is compared with the index result by result: results that are
new, or about which people have written anew, make a new segment; results that no longer win are listed as dead. Where
files were only added, they alone can tell of a difference, and nothing else is read; otherwise all of it is compared.
So nothing depends on what happened in between (compaction, a crash, a restored backup), and an index is either right
or known to be behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from ocr_core.errors import LibraryError
from ocr_core.library import Library, Snapshot, durable
from ocr_core.library.folding import fold
from ocr_core.library.manifest import DataFile, grouped
from ocr_core.library.views import open_files, reading
from ocr_core.library.written import COUNTED, HUMAN, newest_words
from ocr_core.search import build, index_files
from ocr_core.search.index_files import FOLDER, Index, Live, State, load
from ocr_core.search.segment import DamagedIndex, Segment
from ocr_core.search.stored import RowGroups

log = logging.getLogger(__name__)

SEGMENT_LINES: Final = (
    1_000_000  # of the library's files that one segment is built from; about 500 MB meanwhile
)
MERGED_AT: Final = 4  # segments of like size
DEAD_SHARE: Final = 0.25  # of a segment's lines, from which it is written anew

LINES_A_PAGE: Final = 25  # about what one line that people have written costs to index

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


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did. `lines` counts those newly read from the library, `bytes` all files of the index now."""

    lines: int
    segments: int
    bytes: int


def state_of(snapshot: Snapshot) -> State:
    """A state of the library, as far as search is concerned."""
    return frozenset(f.path for name in ("pages", "lines", "ground_truth") for f in snapshot.files(name))


def update(library: Library, *, anew: bool = False, wait: bool = True) -> Report | None:
    """Bring the index on the disk up to the newest version of the library.

    Args:
        anew: forget what is there and build all of it.
        wait: for another process that is at it; else return None.

    Raises:
        LibraryError: the index cannot be written, or the library not be read; the index is as it was before.
    """
    folder = library.root / FOLDER
    if folder.exists() and not folder.is_dir():
        raise LibraryError(f"{folder} is in the way of the search index.", remedy="Move it elsewhere.")
    with durable.disk_errors(library.root, "write the search index"):
        durable.make_folders(folder)
        with durable.locked(folder / ".lock", exclusive=True, wait=wait) as alone:
            if not alone:
                return None
            snapshot = library.snapshot()
            try:
                index, lines = _updated(snapshot, folder, Index() if anew else load(library.root))
            except DamagedIndex as error:
                log.warning("%s", error.message)
                index, lines = _updated(snapshot, folder, Index())
            index_files.delete_others(folder, index)
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
            return Report(lines, len(index.parts), size)


def _updated(snapshot: Snapshot, folder: Path, before: Index) -> tuple[Index, int]:
    """The index of the snapshot, written where it is not `before`, and how many lines were read for it."""
    index, lines = _caught_up(snapshot, before, lambda tables: index_files.write_segment(folder, tables))
    if index is not before:
        index = _tidied(folder, index)
        index_files.write_state(folder, index)
    return index, lines


def caught_up(snapshot: Snapshot, index: Index) -> Index:
    """`index`, brought up to the snapshot in memory; nothing is written. What was added so is merged now and then, for a
    reader beside a long run comes back with every version.

    Raises:
        LibraryError: the library cannot be read.
    """
    index, _ = _caught_up(snapshot, index, Segment.in_memory)
    added = [live for live in index.parts if not live.segment.name]
    chosen = [added[place] for place in to_merge([live.count for live in added])]
    if not chosen:
        return index
    merged = _merged(chosen, Segment.in_memory)
    return Index(index.of, (*(live for live in index.parts if live not in chosen), merged))


def lines_behind(snapshot: Snapshot, index: Index) -> int:
    """About how many lines of the library the index lacks, without looking into files."""
    words = sum(f.rows for f in _added(snapshot, index, "ground_truth"))
    if index.of <= state_of(snapshot):
        lines = sum(f.rows for f in _added(snapshot, index, "lines"))
    else:  # files were merged
        lines = sum(f.rows for f in snapshot.files("lines"))
        lines = max(lines - sum(live.segment.rows("lines") for live in index.parts), 0)
        words = 0 if lines else words
    return lines + LINES_A_PAGE * words


def _added(snapshot: Snapshot, index: Index, name: str) -> list[DataFile]:
    """The files of a data set that the index has not seen."""
    return [file for file in snapshot.files(name) if file.path not in index.of]


def _caught_up(
    snapshot: Snapshot, index: Index, keep: Callable[[build.Tables], Segment]
) -> tuple[Index, int]:
    """The index of the snapshot, and how many lines were read. `keep` makes a segment of tables."""
    state = state_of(snapshot)
    if index.of == state:
        return index, 0
    lines = 0
    # One connection for all of it: opening and closing one takes a fifth of what adding a few pages does.
    with closing(duckdb.connect(":memory:")) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        fresh, dead = _difference(snapshot, index, con)
        parts = [Live(live.segment, live.alive & ~gone) for live, gone in zip(index.parts, dead, strict=True)]
        for part in _read(snapshot, fresh, con):
            segment = keep(build.assemble([part]))
            parts.append(Live(segment, np.ones(segment.rows("pages"), np.bool_)))
            lines += segment.rows("lines")
    return Index(state, tuple(parts)), lines


def _difference(
    snapshot: Snapshot, index: Index, con: duckdb.DuckDBPyConnection
) -> tuple[pa.Table, list[NDArray[np.bool_]]]:
    """Results that win in the snapshot and are not in the index, and for each segment which results win no more."""
    with reading(snapshot.root):
        if index.of and index.of <= state_of(snapshot):
            for relation, name in (("results", "pages"), ("words", "ground_truth")):
                con.register(relation, open_files(snapshot.root, name, _added(snapshot, index, name)))
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


def _read(snapshot: Snapshot, fresh: pa.Table, con: duckdb.DuckDBPyConnection) -> Iterator[build.Part]:
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


# -- keeping segments few ------------------------------------------------------------------------------------


def to_merge(sizes: Sequence[int]) -> list[int]:
    """Which segments become one: the smallest, as long as each next is not larger than twice those before it
    together, if they are `MERGED_AT` at least. So every line is written anew only a few times, whatever the library
    grows to.

    Args:
        sizes: lines of each segment.
    """
    chosen: list[int] = []
    total = 0
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place]):
        size = max(sizes[place], 1)
        if (chosen and size > 2 * total) or total + size > SEGMENT_LINES:
            break
        chosen.append(place)
        total += size
    return chosen if len(chosen) >= MERGED_AT else []


def _tidied(folder: Path, index: Index) -> Index:
    """The index with its small segments merged, and those with many dead lines written anew."""

    def keep(tables: build.Tables) -> Segment:
        return index_files.write_segment(folder, tables)

    parts = [
        _merged([live], keep) if live.count < (1 - DEAD_SHARE) * live.segment.rows("lines") else live
        for live in index.parts
        if live.alive.any()
    ]
    chosen = to_merge([live.count for live in parts])
    if chosen:
        merged = _merged([parts[place] for place in chosen], keep)
        parts = [live for place, live in enumerate(parts) if place not in chosen] + [merged]
    return Index(index.of, tuple(parts))


def _merged(parts: Sequence[Live], keep: Callable[[build.Tables], Segment]) -> Live:
    segment = keep(build.assemble([live.segment.part(live.alive) for live in parts]))
    return Live(segment, np.ones(segment.rows("pages"), np.bool_))
