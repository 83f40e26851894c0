"""Full-text search over the lines of a library.

`search` answers once; a `Searcher` kept for many questions keeps what it has read of the index in memory.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ocr_core.errors import LibraryError, UsageError
from ocr_core.library import Library, Snapshot
from ocr_core.library.views import reading
from ocr_core.records import line_id
from ocr_core.search.hits import COLUMNS, Hit, HitWord, Place, hit, mark
from ocr_core.search.index import upkeep
from ocr_core.search.index.changes import state_of
from ocr_core.search.index.files import Index, State, load
from ocr_core.search.index.segment import DamagedIndex
from ocr_core.search.query.filters import Named
from ocr_core.search.query.language import Query, parse
from ocr_core.search.rank import Ranked, Ranking
from ocr_core.search.stored import LineKey, StoredLines

log = logging.getLogger(__name__)

__all__ = ["Hit", "HitWord", "Searcher", "mark", "search"]

READ_ALONG: Final = 20_000  # lines that a search adds to the index in memory rather than on the disk


class Searcher:
    """Searches a library, always its newest version. Safe for several threads, which take turns.

    Args:
        write: may bring the index on the disk up to date where it lacks much; else, and where that fails, what is
            missing is indexed in memory.
    """

    def __init__(self, library: Library, *, write: bool = True, version: int | None = None) -> None:
        self._library = library
        self._write = write
        self._version = version
        self._turn = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._index = Index()
        self._stored_of: State | None = None  # what the index on the disk answered for
        self._ranking: Ranking | None = None
        self._stored = StoredLines(COLUMNS)

    def search(
        self, query: str, *, limit: int = 20, collection: str | None = None, tolerant: bool = True
    ) -> list[Hit]:
        """The best `limit` lines that answer `query` (see `query.parse`), best first: fewest wrong characters, then
        highest score; ties by path, page and line.

        Args:
            tolerant: let errors of the reader pass in terms that no line has as they are written.

        Raises:
            UsageError: the query holds nothing to look for, or `limit` is below 1.
            LibraryError: the library cannot be read.
        """
        wanted = _parse(query, collection)
        if limit < 1:
            raise UsageError(f"Not a number of hits: {limit}", remedy="Ask for one at least.")
        with self._turn:
            ranked, answered, snapshot = self._rank(wanted, limit, tolerant)
            keys = [key for key, _ in ranked]
            with reading(self._library.root):
                found = self._stored.rows(snapshot, keys)
        if len(found) < len(set(keys)):
            raise LibraryError(
                f"{self._library.root} cannot be read: lines of its index are not in it.",
                remedy="Build the index again: warraq search --reindex --library DIR",
            )
        return [hit(place, found[key], answered) for key, place in ranked]

    def rank(
        self, query: str, *, limit: int | None = None, collection: str | None = None, tolerant: bool = True
    ) -> list[tuple[str, float, int]]:
        """As `search`, but only line id, score and wrong characters; with `limit` None of all lines that answer."""
        wanted = _parse(query, collection)
        with self._turn:
            ranked, _, _ = self._rank(wanted, limit, tolerant)
        return [(line_id(at.page_id, at.line_order), at.score, at.edits) for _, at in ranked]

    def warm(self) -> None:
        """Read ahead what the first answer would wait for: of a million pages where they are is most of it.

        Raises:
            LibraryError: the library cannot be read.
        """
        self.rank("a", limit=1)
        with self._turn, suppress(DamagedIndex):  # whoever asks first builds it anew
            for live in self._index.parts:
                live.segment.read_ahead()

    def _rank(
        self, query: Query, limit: int | None, tolerant: bool
    ) -> tuple[list[tuple[LineKey, Place]], Query, Snapshot]:
        """The best lines, the query as it was answered, and the version of the library it was asked of."""
        for anew in (False, True):
            try:
                snapshot, ranking = self._current(anew=anew)
                ranked, answered = ranking.rank(query, limit, tolerant=tolerant)
                return [_placed(line) for line in ranked], answered, snapshot
            except DamagedIndex as error:
                if anew:
                    raise
                log.warning("%s", error.message)
        raise AssertionError

    def _current(self, *, anew: bool = False) -> tuple[Snapshot, Ranking]:
        """The newest version of the library, and its index."""
        snapshot = self._library.snapshot(self._version)
        moved = self._snapshot is None or snapshot.version != self._snapshot.version
        if self._ranking is None or anew or (moved and state_of(snapshot) != self._index.of):
            self._index = self._indexed(snapshot, anew=anew)
            self._ranking = Ranking(self._index.parts)
        self._snapshot = snapshot
        return snapshot, self._ranking

    def _indexed(self, snapshot: Snapshot, *, anew: bool) -> Index:
        ready = self._write and prepare(self._library, anew=anew)
        if anew:
            index = load(self._library.root) if ready else Index()
        else:
            index = load(self._library.root, self._index)
            if index.of == self._stored_of:  # then what was read along since is as good
                return upkeep.caught_up(snapshot, self._index)
        self._stored_of = index.of
        return upkeep.caught_up(snapshot, index)


def lines_to_index(library: Library) -> int:
    """Lines of the newest version that the index on the disk lacks."""
    return upkeep.lines_behind(library.snapshot(), load(library.root))


def prepare(library: Library, *, anew: bool = False) -> bool:
    """Bring the index on the disk up to date where it lacks much; False where it could not be written, or another
    process is at it."""
    if not anew and lines_to_index(library) <= READ_ALONG:
        return True
    try:
        return upkeep.update(library, anew=anew, wait=False) is not None
    except LibraryError as error:
        log.info("the index on the disk stays as it is: %s", error.message)
        return False


def search(
    library: Library, query: str, *, limit: int = 20, collection: str | None = None, tolerant: bool = True
) -> list[Hit]:
    """One question; see `Searcher.search`."""
    return Searcher(library).search(query, limit=limit, collection=collection, tolerant=tolerant)


def _parse(text: str, collection: str | None) -> Query:
    query = parse(text)
    return query if collection is None else replace(query, scope=Named("collection", collection))


def _placed(line: Ranked) -> tuple[LineKey, Place]:
    page = line.segment.page(int(line.segment.page_of[line.line]))
    order = int(line.segment.line_order[line.line])
    place = Place(
        page["page_id"],
        page["collection"],
        page["source_path"],
        page["page_number"],
        order,
        line.score,
        line.edits,
        *line.segment.written(line.line),
    )
    return LineKey(page["page_id"], page["run_id"], page["created_at"], order), place
