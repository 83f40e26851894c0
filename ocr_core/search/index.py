"""Keeping the index up to date with the library.

The index answers for one state of the library, known by the names of its files of pages and lines, which are never
given twice. A library that has moved on is compared with the index result by result: results that are new make a new
segment, results that no longer win are listed as dead. So nothing depends on what happened in between (compaction,
a crash, a restored backup), and an index is either right or known to be behind.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ocr_core.errors import LibraryError
from ocr_core.library import Library, Snapshot, durable
from ocr_core.library.manifest import grouped
from ocr_core.library.views import open_files
from ocr_core.search import build, index_files
from ocr_core.search.index_files import FOLDER, Index, Live, load
from ocr_core.search.segment import DamagedIndex, Segment

log = logging.getLogger(__name__)

__all__ = [
    "Index",
    "Live",
    "Report",
    "caught_up",
    "lines_behind",
    "load",
    "reading_library",
    "state_of",
    "update",
]

SEGMENT_LINES: Final = (
    1_000_000  # of the library's files that one segment is built from; about 500 MB meanwhile
)
MERGED_AT: Final = 4  # segments of like size
DEAD_SHARE: Final = 0.25  # of a segment's lines, from which it is written anew

_KEY: Final = "page_id, run_id, created_at"


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did. `lines` counts those newly read from the library, `bytes` all files of the index now."""

    lines: int
    segments: int
    bytes: int


def state_of(snapshot: Snapshot) -> str:
    """The name of a state of the library, as far as search is concerned."""
    paths = sorted(f.path for name in ("pages", "lines") for f in snapshot.files(name))
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()


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
                index, lines = _updated(snapshot, folder, Index("") if anew else load(library.root))
            except DamagedIndex as error:
                log.warning("%s", error.message)
                index, lines = _updated(snapshot, folder, Index(""))
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
    """`index`, brought up to the snapshot in memory; nothing is written.

    Raises:
        LibraryError: the library cannot be read.
    """
    return _caught_up(snapshot, index, Segment.in_memory)[0]


def lines_behind(snapshot: Snapshot, index: Index) -> int:
    """About how many lines of the library the index lacks, without looking into files."""
    if index.of == state_of(snapshot):
        return 0
    have = sum(live.segment.rows("lines") for live in index.parts)
    return max(sum(f.rows for f in snapshot.files("lines")) - have, 0)


def _caught_up(
    snapshot: Snapshot, index: Index, keep: Callable[[build.Tables], Segment]
) -> tuple[Index, int]:
    """The index of the snapshot, and how many lines were read. `keep` makes a segment of tables."""
    state = state_of(snapshot)
    if index.of == state:
        return index, 0
    fresh, dead = _difference(snapshot, index)
    parts = [Live(live.segment, live.alive & ~gone) for live, gone in zip(index.parts, dead, strict=True)]
    lines = 0
    for part in _read(snapshot, fresh):
        segment = keep(build.assemble([part]))
        parts.append(Live(segment, np.ones(segment.rows("pages"), np.bool_)))
        lines += segment.rows("lines")
    return Index(state, tuple(parts)), lines


def _difference(snapshot: Snapshot, index: Index) -> tuple[pa.Table, list[NDArray[np.bool_]]]:
    """Results that win in the snapshot and are not in the index, and for each segment which results win no more."""
    indexed = [build.SCHEMAS["pages"].empty_table().select(_KEY.split(", "))]
    indexed[0] = indexed[0].append_column("place", pa.array([], pa.int64()))
    dead = []
    base = 0
    for live in index.parts:
        places = np.flatnonzero(live.alive)
        keys = live.segment.pages.select(_KEY.split(", ")).take(pa.array(places))
        indexed.append(keys.append_column("place", pa.array(places + base)))
        dead.append(np.zeros(len(live.alive), np.bool_))
        base += len(live.alive)
    with reading_library(snapshot.root), closing(snapshot.connect()) as con:
        con.register("indexed", pa.concat_tables(indexed))
        columns = ", ".join(build.SCHEMAS["pages"].names)
        fresh = con.sql(f"SELECT {columns} FROM pages ANTI JOIN indexed USING ({_KEY})").to_arrow_table()
        lost = con.sql(f"SELECT place FROM indexed ANTI JOIN pages USING ({_KEY})").to_arrow_table()
    every = np.zeros(base, np.bool_)
    every[lost["place"].to_numpy()] = True
    ends = np.cumsum([len(live.alive) for live in index.parts])
    return fresh, list(np.split(every, ends[:-1])) if index.parts else []


def _read(snapshot: Snapshot, fresh: pa.Table) -> Iterator[build.Part]:
    """The lines of the results `fresh`, in parts of at most `SEGMENT_LINES` where files are not larger."""
    if not fresh.num_rows:
        return
    fresh = fresh.append_column("page", pa.array(np.arange(fresh.num_rows, dtype=np.uint32)))
    runs = {
        (r["collection"], r["run_id"])
        for r in fresh.group_by(["collection", "run_id"]).aggregate([]).to_pylist()
    }
    left = np.ones(fresh.num_rows, np.bool_)
    stored = (f for f in snapshot.files("lines") if (f.collection, f.run_id) in runs)
    groups = list(grouped(stored, lambda file: file.rows, SEGMENT_LINES))
    for number, files in enumerate(groups or [[]]):
        with reading_library(snapshot.root), closing(duckdb.connect(":memory:")) as con:
            con.execute("SET TimeZone = 'UTC'")
            con.register("fresh", fresh)
            con.register("stored", open_files(snapshot.root, "lines", files))
            lines = con.sql(
                f"SELECT f.page, s.line_order, s.text_search, s.confidence, s.script, s.engine"
                f" FROM stored s JOIN fresh f USING ({_KEY}) WHERE s.words > 0"
            ).to_arrow_table()
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
    parts = [
        _rewritten(folder, [live]) if live.count < (1 - DEAD_SHARE) * live.segment.rows("lines") else live
        for live in index.parts
        if live.alive.any()
    ]
    chosen = to_merge([live.count for live in parts])
    if chosen:
        merged = _rewritten(folder, [parts[place] for place in chosen])
        parts = [live for place, live in enumerate(parts) if place not in chosen] + [merged]
    return Index(index.of, tuple(parts))


def _rewritten(folder: Path, parts: Sequence[Live]) -> Live:
    segment = index_files.write_segment(
        folder, build.assemble([live.segment.part(live.alive) for live in parts])
    )
    return Live(segment, np.ones(segment.rows("pages"), np.bool_))


@contextmanager
def reading_library(root: Path) -> Iterator[None]:
    """Turn errors of reading the library's own files into `LibraryError`."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise LibraryError(
            f"{root} cannot be read: {error}", remedy="Check the disk, or restore from a backup."
        ) from error
