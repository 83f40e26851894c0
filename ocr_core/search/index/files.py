"""The files of the index in `search/`: segments, the list of their dead pages, and `index.json`, which names what
counts. It is replaced whole, after everything it names is on the disk; a crash leaves the index before.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.library import durable
from ocr_core.search.index import build
from ocr_core.search.index.segment import DamagedIndex, Segment

log = logging.getLogger(__name__)

FOLDER: Final = "search"
FORMAT: Final = 2

State = frozenset[str]
"""A state of the library: paths of its files."""

_STATE: Final = "index.json"
_DEAD: Final = pa.schema([("segment", pa.string()), ("page", pa.uint32())])


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """A segment and which of its pages still count: bool [pages]."""

    segment: Segment
    alive: NDArray[np.bool_]

    @classmethod
    def whole(cls, segment: Segment) -> Live:
        """A segment all of whose pages count."""
        return cls(segment, np.ones(segment.rows("pages"), np.bool_))

    def lines(self) -> NDArray[np.bool_]:
        """Which lines count."""
        return self.alive[self.segment.page_of]

    @property
    def count(self) -> int:
        """How many lines count."""
        return int(self.lines().sum()) if not self.alive.all() else self.segment.rows("lines")


@dataclass(frozen=True, slots=True)
class Index:
    """What is searched.

    Attributes:
        of: the state of the library that the index answers for, see `changes.state_of`.
    """

    of: State = frozenset()
    parts: tuple[Live, ...] = ()


def load(root: Path, before: Index | None = None) -> Index:
    """The index on the disk, right or behind; an empty one where there is none or it is damaged.

    Args:
        before: an older one, whose segments are used again with all they have in memory.
    """
    opened = {live.segment.name: live.segment for live in before.parts} if before else {}
    folder = root / FOLDER
    for _ in range(3):  # another process may replace it under our hands
        text = ""
        try:
            text = (folder / _STATE).read_text("utf-8")
            return _opened(folder, json.loads(text), opened)
        except FileNotFoundError:
            return Index()
        except (DamagedIndex, ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
            with suppress(OSError):
                if (folder / _STATE).read_text("utf-8") != text:
                    continue
            log.warning("the search index cannot be used and will be built again: %s", error)
            return Index()
    return Index()


def _opened(folder: Path, state: dict[str, Any], opened: Mapping[str, Segment]) -> Index:
    if state["format"] != FORMAT:
        raise ValueError(f"format {state['format']}")
    dead: dict[str, NDArray[np.uint32]] = {}
    if state["dead"]:
        table = pq.read_table(folder / state["dead"], page_checksum_verification=True)
        names, pages = table["segment"].to_numpy(), table["page"].to_numpy()
        dead = {name: pages[names == name] for name in set(names)}
    parts = []
    for name in state["segments"]:
        live = Live.whole(opened.get(name) or _segment(folder, name))
        live.alive[dead.get(name, np.empty(0, np.uint32))] = False
        parts.append(live)
    return Index(frozenset(state["of"]), tuple(parts))


def _segment(folder: Path, name: str) -> Segment:
    return Segment(name, {table: folder / name / f"{table}.parquet" for table in build.SCHEMAS})


def write_segment(folder: Path, tables: build.Tables) -> Segment:
    name = f"segment-{uuid.uuid4().hex}"
    draft = folder / f".tmp-{name}"
    draft.mkdir()
    paths = {table: draft / f"{table}.parquet" for table in tables}
    build.write(tables, paths)
    for path in paths.values():
        durable.sync_file(path)
    durable.sync_folder(draft)
    draft.rename(folder / name)
    durable.sync_folder(folder)
    return _segment(folder, name)


def write_state(folder: Path, index: Index) -> None:
    state = {
        "format": FORMAT,
        "of": sorted(index.of),
        "segments": [live.segment.name for live in index.parts],
        "dead": _write_dead(folder, index),
    }
    draft = folder / f".tmp-{uuid.uuid4().hex}.json"
    draft.write_text(json.dumps(state, indent=1) + "\n", "utf-8")
    durable.sync_file(draft)
    draft.replace(folder / _STATE)
    durable.sync_folder(folder)


def _write_dead(folder: Path, index: Index) -> str | None:
    if all(live.alive.all() for live in index.parts):
        return None
    tables = []
    for live in index.parts:
        pages = pa.array(np.flatnonzero(~live.alive).astype(np.uint32))
        tables.append(
            pa.table([pa.array([live.segment.name] * len(pages), pa.string()), pages], schema=_DEAD)
        )
    path = folder / f"dead-{uuid.uuid4().hex}.parquet"
    pq.write_table(pa.concat_tables(tables), path, compression="zstd", write_page_checksum=True)
    durable.sync_file(path)
    return path.name


def delete_others(folder: Path, index: Index) -> None:
    """Delete what no state names any more. Whoever has a segment open goes on reading it."""
    kept = {live.segment.name for live in index.parts} | {_STATE, ".lock"}
    with suppress(FileNotFoundError):
        kept.add(json.loads((folder / _STATE).read_text("utf-8"))["dead"])
    for path in folder.iterdir():
        if path.name not in kept:
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
