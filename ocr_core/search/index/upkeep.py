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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ocr_core.errors import LibraryError
from ocr_core.library import Library, Snapshot, durable
from ocr_core.search.index import build
from ocr_core.search.index import files as index_files
from ocr_core.search.index.changes import added_files, difference, lines_of, state_of
from ocr_core.search.index.files import FOLDER, Index, Live, load
from ocr_core.search.index.merge import Keep, merged, without_dead
from ocr_core.search.index.segment import DamagedIndex, Segment

log = logging.getLogger(__name__)

LINES_A_PAGE: Final = 25  # about what one line that people have written costs to index


@dataclass(frozen=True, slots=True)
class Report:
    """What an update did. `lines` counts those newly read from the library, `bytes` all files of the index now."""

    lines: int
    segments: int
    bytes: int


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

    def keep(tables: build.Tables) -> Segment:
        return index_files.write_segment(folder, tables)

    index, lines = _caught_up(snapshot, before, keep)
    if index is not before:
        index = Index(index.of, tuple(merged(without_dead(index.parts, keep), keep)))
        index_files.write_state(folder, index)
    return index, lines


def caught_up(snapshot: Snapshot, index: Index) -> Index:
    """`index`, brought up to the snapshot in memory; nothing is written. What was added so is merged now and then, for a
    reader beside a long run comes back with every version.

    Raises:
        LibraryError: the library cannot be read.
    """
    index, _ = _caught_up(snapshot, index, Segment.in_memory)
    on_disk = [live for live in index.parts if live.segment.name]
    added = [live for live in index.parts if not live.segment.name]
    return Index(index.of, (*on_disk, *merged(added, Segment.in_memory)))


def lines_behind(snapshot: Snapshot, index: Index) -> int:
    """About how many lines of the library the index lacks, without looking into files."""
    words = sum(f.rows for f in added_files(snapshot, index, "ground_truth"))
    if index.of <= state_of(snapshot):
        lines = sum(f.rows for f in added_files(snapshot, index, "lines"))
    else:  # files were merged
        lines = sum(f.rows for f in snapshot.files("lines"))
        lines = max(lines - sum(live.segment.rows("lines") for live in index.parts), 0)
        words = 0 if lines else words
    return lines + LINES_A_PAGE * words


def _caught_up(snapshot: Snapshot, index: Index, keep: Keep) -> tuple[Index, int]:
    """The index of the snapshot, and how many lines were read for it."""
    state = state_of(snapshot)
    if index.of == state:
        return index, 0
    lines = 0
    # One connection for all of it: opening and closing one takes a fifth of what adding a few pages does.
    with closing(duckdb.connect(":memory:")) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        fresh, dead = difference(snapshot, index, con)
        parts = [Live(live.segment, live.alive & ~gone) for live, gone in zip(index.parts, dead, strict=True)]
        for part in lines_of(snapshot, fresh, con):
            parts.append(Live.whole(keep(build.assemble([part]))))
            lines += parts[-1].segment.rows("lines")
    return Index(state, tuple(parts)), lines
