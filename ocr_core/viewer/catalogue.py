"""What the viewer asks of a library: a few rows at a time, by keys in whose order they lie (`after`, `before`), never for
row number so and so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ocr_core.library import Library
from ocr_core.library.status import COLLECTIONS
from ocr_core.library.written import newest_words
from ocr_core.records import doc_id
from ocr_core.viewer.opened import OpenedLibrary, Row

# Documents in the order of their paths, with what their pages came to: DuckDB keeps the ranges of what it stores, so a
# few documents after a given path are found without reading the others. `runs` are those whose results count: ids are
# digests, so every file of the library may hold any page, and only a run's own files need to be read if it is known.
_SHELF: Final = """
CREATE TEMP TABLE shelf AS
WITH read AS (
  SELECT doc_id, count(*) FILTER (status = 'done') AS done, count(*) FILTER (status = 'blank') AS blank,
         count(*) FILTER (status = 'pending') AS pending, CAST(sum(lines) AS BIGINT) AS lines,
         sum(confidence * chars) / nullif(sum(chars) FILTER (confidence IS NOT NULL), 0) AS confidence,
         list(DISTINCT run_id) AS runs
  FROM pages GROUP BY doc_id),
newest AS (  -- as the view `documents`, without looking for copies
  SELECT * FROM documents_history
  QUALIFY row_number() OVER (PARTITION BY doc_id ORDER BY created_at DESC, run_id DESC) = 1)
SELECT d.collection, d.source_path, d.doc_id, d.media_type, d.pages, d.size_bytes,
       coalesce(done, 0) AS done, coalesce(blank, 0) AS blank, coalesce(pending, 0) AS pending,
       coalesce(lines, 0) AS lines, confidence, coalesce(runs, []) AS runs
FROM newest d LEFT JOIN read USING (doc_id) ORDER BY collection, source_path, doc_id
"""
_STANDING: Final = """
CREATE TEMP TABLE standing AS
SELECT row_number() OVER (ORDER BY collection, source_path, page_number, page_id) AS place, * FROM failures
"""
_TABLES: Final = {"shelf": _SHELF, "standing": _STANDING}


class Catalogue:
    """Reads a library for the viewer. Safe for several threads, which take turns.

    Every method raises LibraryError where the library cannot be read.
    """

    def __init__(self, library: Library) -> None:
        self.opened = OpenedLibrary(library, _TABLES)

    def warm(self) -> None:
        """Read ahead what takes the longer the larger the library is."""
        self.collections()
        self.document("")
        self.failures(1)

    def collections(self) -> list[Row]:
        """A row each with its documents, pages = done + blank + failed + pending, and lines."""
        return self.opened.kept_rows("collections", COLLECTIONS)

    def documents(
        self,
        collection: str,
        limit: int,
        *,
        after: tuple[str, str] | None = None,
        before: tuple[str, str] | None = None,
    ) -> list[Row]:
        """At most `limit` documents of a collection in the order of (path, id), those next after or before a key."""
        key = after or before
        where = "" if key is None else f"AND (source_path, doc_id) {'>' if after else '<'} ($path, $id)"
        # The path alone as well: of the pair DuckDB does not see which rows it can leave out.
        if key is not None:
            where += f" AND source_path {'>=' if after else '<='} $path"
        way = "ASC" if before is None else "DESC"
        query = f"""
            SELECT * FROM shelf WHERE collection = $collection {where}
            ORDER BY source_path {way}, doc_id {way} LIMIT {int(limit)}
        """
        values = {"collection": collection} | ({"path": key[0], "id": key[1]} if key else {})
        rows = self.opened.rows(query, values, table="shelf")
        return rows if before is None else rows[::-1]

    def document(self, doc: str) -> Row | None:
        found = self.opened.rows("SELECT * FROM shelf WHERE doc_id = $id", {"id": doc}, table="shelf")
        return found[0] if found else None

    def pages(self, doc: str, first: int, limit: int) -> list[Row]:
        """Pages `first` … `first + limit - 1` of a document, in order, as far as they were read."""
        query = """
            SELECT page_id, page_number, status, script, lines, confidence, width, height FROM pages
            WHERE doc_id = $doc AND page_number >= $first AND page_number < $end
        """
        rows = self._rows_of(doc, query, {"first": first, "end": first + limit})
        return sorted(rows, key=lambda row: int(row["page_number"]))

    def page(self, page_id: str) -> Row | None:
        query = "SELECT * FROM pages WHERE doc_id = $doc AND page_id = $page"
        return next(iter(self._rows_of(doc_id(page_id), query, {"page": page_id})), None)

    def _rows_of(self, doc: str, query: str, values: Mapping[str, Any]) -> Iterator[Row]:
        """The rows of a query on the pages of a document, `$doc`, run by run of those that read it."""
        document = self.document(doc)
        if document is None:  # somebody published pages alone
            yield from self.opened.rows(query, {"doc": doc, **values})
            return
        for run in document["runs"]:
            yield from self.opened.rows(
                f"{query} AND run_id = $run", {"doc": doc, "run": run, **values}, table="shelf"
            )

    def lines(self, page: Row) -> list[Row]:
        """The lines of a page, in reading order."""
        query = """
            SELECT * FROM lines
            WHERE doc_id = $doc AND page_id = $page AND collection = $collection AND run_id = $run ORDER BY line_order
        """
        values = {
            "doc": page["doc_id"],
            "page": page["page_id"],
            "collection": page["collection"],
            "run": page["run_id"],
        }
        return self.opened.rows(query, values)

    def written(self, page: Row) -> list[Row]:
        """What people wrote last about each line of a page, corrections or not."""
        query = newest_words("doc_id = $doc AND page_id = $page")
        return self.opened.rows(query, {"doc": page["doc_id"], "page": page["page_id"]})

    def failures(
        self, limit: int, *, after: int = 0, kind: str | None = None, run: str | None = None
    ) -> list[Row]:
        """Standing failures by path, each with its `place` in that order: those after a place, of a kind, of a run."""
        query = f"""
            SELECT * FROM standing WHERE place > $after AND ($kind IS NULL OR kind = $kind)
              AND ($run IS NULL OR run_id = $run) ORDER BY place LIMIT {int(limit)}
        """
        return self.opened.rows(query, {"after": after, "kind": kind, "run": run}, table="standing")

    def failures_of_pages(self, doc: str, first: int, limit: int) -> list[Row]:
        """The standing failures of pages `first` … `first + limit - 1` of a document, in order."""
        query = """
            SELECT * FROM standing WHERE doc_id = $id AND page_number >= $first AND page_number < $end
            ORDER BY page_number
        """
        return self.opened.rows(query, {"id": doc, "first": first, "end": first + limit}, table="standing")

    def kinds_of_failure(self) -> list[Row]:
        """How often each kind stands, the most frequent first, with one of its remedies."""
        query = """
            SELECT kind, count(*) AS pages, any_value(remedy) AS remedy FROM standing GROUP BY kind ORDER BY pages DESC, kind
        """
        return self.opened.kept_rows("kinds", query, table="standing")

    def waiting(self) -> list[Row]:
        """Pages by the reason they wait."""
        query = """
            SELECT reason, count(*) AS pages FROM pages WHERE status = 'pending' GROUP BY reason ORDER BY pages DESC, reason
        """
        return self.opened.kept_rows("waiting", query)

    def runs(self, limit: int, *, before: str | None = None) -> list[Row]:
        """At most `limit` runs, the newest first, those older than the run `before`."""
        query = f"""
            SELECT * FROM runs WHERE $before IS NULL OR (started_at, run_id) <
              (SELECT (started_at, run_id) FROM runs WHERE run_id = $before)
            ORDER BY started_at DESC, run_id DESC LIMIT {int(limit)}
        """
        return self.opened.rows(query, {"before": before})

    def run(self, run_id: str) -> Row | None:
        found = self.opened.rows("SELECT * FROM runs WHERE run_id = $id", {"id": run_id})
        return found[0] if found else None
