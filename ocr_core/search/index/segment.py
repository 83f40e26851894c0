"""Reading one segment of the index. `build` writes them and says what is in them."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.errors import LibraryError
from ocr_core.search.index import build
from ocr_core.search.index.fuzzy import CloseWords

CACHED_GROUPS: Final = 1 << 10  # row groups of postings kept in memory: 256 KiB each with positions

Span = tuple[int, int]  # half-open rows


class DamagedIndex(LibraryError):
    """A file of the index is missing or broken. Nothing is lost: it can be built again."""


class Segment:
    """One segment, whose files are opened at once and read when they are asked for. Not for several threads at once.

    Args:
        name: of its folder; "" for one in memory.
        sources: path or bytes of each table.

    Raises:
        DamagedIndex: now or later, when a file cannot be read.
    """

    def __init__(self, name: str, sources: Mapping[str, Path | pa.Buffer]) -> None:
        self.name = name
        with self._reading():
            self._files = {
                table: pq.ParquetFile(
                    pa.BufferReader(source) if isinstance(source, pa.Buffer) else source,
                    page_checksum_verification=True,
                )
                for table, source in sources.items()
            }
            self._heads: list[str] = json.loads(self._files["terms"].schema_arrow.metadata[build.HEADS])
        self._groups: OrderedDict[tuple[str, int], NDArray[np.uint32]] = OrderedDict()
        self._columns: dict[tuple[str, str], Any] = {}
        self._term_groups: dict[int, tuple[list[str], NDArray[np.uint32], NDArray[np.uint32]]] = {}

    @classmethod
    def in_memory(cls, tables: build.Tables) -> Segment:
        sinks = {name: pa.BufferOutputStream() for name in tables}
        build.write(tables, sinks)
        return cls("", {name: sink.getvalue() for name, sink in sinks.items()})

    def rows(self, table: str) -> int:
        return int(self._files[table].metadata.num_rows)

    # -- pages and lines -------------------------------------------------------------------------------

    @cached_property
    def pages(self) -> pa.Table:
        return self._read("pages", None)

    @cached_property
    def page_ids(self) -> pa.ChunkedArray:
        return self._column("pages", "page_id")

    def page(self, number: int) -> dict[str, Any]:
        """One row of `pages`."""
        return {name: self.pages[name][number].as_py() for name in self.pages.column_names}

    @cached_property
    def page_of(self) -> NDArray[np.uint32]:
        """Page of each line."""
        return self._numbers("lines", "page")

    @cached_property
    def words(self) -> NDArray[np.uint32]:
        """Number of words of each line."""
        return self._numbers("lines", "words")

    @cached_property
    def line_order(self) -> NDArray[np.int32]:
        return self._numbers("lines", "line_order")

    def line_column(self, name: str) -> pa.ChunkedArray:
        return self._column("lines", name)

    def written(self, line: int) -> tuple[str | None, str | None]:
        """What people wrote of a line, and who; None where an engine's reading stands."""
        written, transcriber = (
            self._column("lines", name)[line].as_py() for name in ("written", "transcriber")
        )
        return written, transcriber

    def read_ahead(self) -> None:
        """Have in memory what every hit needs."""
        for _ in (self.pages, self.page_of, self.words, self.line_order):
            pass

    # -- words -----------------------------------------------------------------------------------------

    def term(self, word: str) -> Span | None:
        """The postings of a word; None where it does not occur."""
        number = self._at_or_after(word)
        spelled, start, end = self._term(number)
        return (start, end) if spelled == word else None

    def beginning(self, prefix: str) -> Span | None:
        """The postings of all words that begin with `prefix`; they stand side by side."""
        start = self._term(self._at_or_after(prefix))[1]
        end = self._term(self._at_or_after(prefix + "\U0010ffff"))[1]  # no word holds this character
        return (start, end) if start < end else None

    def near(self, word: str, edits: int) -> list[tuple[Span, int]]:
        """The postings of each word within `edits` of `word`, and how far it is."""
        numbers, far = self._close_words.near(word, edits)
        starts = self._numbers("terms", "first")[numbers]
        ends = starts + self._numbers("terms", "count")[numbers]
        return [
            ((int(start), int(end)), int(distance))
            for start, end, distance in zip(starts, ends, far, strict=True)
        ]

    def postings(self, column: str, spans: Sequence[Span]) -> NDArray[np.uint32]:
        """`line` or `position` of the postings in `spans`, one after the other."""
        size = build.POSTINGS_ROWS
        needed = {group for start, end in spans for group in range(start // size, (end - 1) // size + 1)}
        groups = self._postings_groups(column, sorted(needed))
        pieces = []
        for start, end in spans:
            for group in range(start // size, (end - 1) // size + 1):
                base = group * size
                pieces.append(groups[group][max(start - base, 0) : end - base])
        return np.concatenate(pieces) if pieces else np.empty(0, np.uint32)

    # -- all of it -------------------------------------------------------------------------------------

    def part(self, alive: NDArray[np.bool_]) -> build.Part:
        """The segment without the pages that are not `alive` [pages], to be merged with others."""
        lines = self._read("lines", None)
        postings = self._read("postings", None)
        kept_lines = alive[self.page_of]
        term, line, position = (np.asarray(postings[name]) for name in postings.column_names)
        kept = kept_lines[line]
        page_places = np.cumsum(alive, dtype=np.uint32) - np.uint32(1)
        line_places = np.cumsum(kept_lines, dtype=np.uint32) - np.uint32(1)
        held, used = np.unique(term[kept], return_inverse=True)
        lines = lines.set_column(0, build.SCHEMAS["lines"].field("page"), pa.array(page_places[self.page_of]))
        return build.Part(
            self.pages.filter(pa.array(alive)),
            lines.filter(pa.array(kept_lines)),
            self._column("terms", "term").combine_chunks().take(pa.array(held)),
            used.astype(np.uint32),
            line_places[line[kept]],
            position[kept],
        )

    # -- reading ---------------------------------------------------------------------------------------

    @cached_property
    def _close_words(self) -> CloseWords:
        return CloseWords(
            self._column("terms", "term"), self._numbers("terms", "length"), self._numbers("terms", "letters")
        )

    def _at_or_after(self, word: str) -> int:
        """The number of the first term that is not before `word`."""
        group = max(bisect_right(self._heads, word) - 1, 0)
        if not self._heads:
            return 0
        return group * build.TERMS_ROWS + bisect_left(self._term_group(group)[0], word)

    def _term(self, number: int) -> tuple[str, int, int]:
        """A term and its postings; behind the last one, an empty one."""
        if number >= self.rows("terms"):
            return "", self.rows("postings"), self.rows("postings")
        spelled, first, count = self._term_group(number // build.TERMS_ROWS)
        at = number % build.TERMS_ROWS
        return spelled[at], int(first[at]), int(first[at] + count[at])

    def _term_group(self, group: int) -> tuple[list[str], NDArray[np.uint32], NDArray[np.uint32]]:
        if group not in self._term_groups:
            with self._reading():
                table = self._files["terms"].read_row_group(group, columns=["term", "first", "count"])
            first, count = (np.asarray(table[name]) for name in ("first", "count"))
            self._term_groups[group] = table["term"].to_pylist(), first, count
        return self._term_groups[group]

    def _postings_groups(self, column: str, groups: list[int]) -> dict[int, NDArray[np.uint32]]:
        missing = [group for group in groups if (column, group) not in self._groups]
        found = {group: self._groups[column, group] for group in groups if (column, group) in self._groups}
        if missing:
            with self._reading():
                read = self._files["postings"].read_row_groups(missing, columns=[column])[column].to_numpy()
            for place, group in enumerate(missing):
                # Only the last group of the file is shorter, so every group read starts at a full step.
                rows = read[place * build.POSTINGS_ROWS : (place + 1) * build.POSTINGS_ROWS]
                found[group] = self._groups[column, group] = rows.copy()
        for group in groups:
            self._groups.move_to_end((column, group))
        while len(self._groups) > CACHED_GROUPS:
            self._groups.popitem(last=False)
        return found

    def _numbers(self, table: str, column: str) -> NDArray[Any]:
        key = (table + "#", column)
        if key not in self._columns:
            self._columns[key] = self._read(table, [column])[column].to_numpy()
        return self._columns[key]

    def _column(self, table: str, column: str) -> pa.ChunkedArray:
        key = (table, column)
        if key not in self._columns:
            self._columns[key] = self._read(table, [column])[column]
        return self._columns[key]

    def _read(self, table: str, columns: list[str] | None) -> pa.Table:
        with self._reading():
            return self._files[table].read(columns=columns)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            raise DamagedIndex(
                f"The search index is damaged ({self.name or 'in memory'}): {error}",
                remedy="Build it again: warraq search --reindex --library DIR",
            ) from error
