"""Pages out of a library, one after the other: memory does not grow with the library."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow as pa

from ocr_core.config import PageRange
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.exports.human import Which, has_written_lines, only_written, with_words, written_lines
from ocr_core.exports.model import ExportPage
from ocr_core.exports.rows import export_page
from ocr_core.library import Library
from ocr_core.library.lookup import found_at
from ocr_core.library.views import reading

BY_PATH_UP_TO: Final = 20_000  # pages; above, pages come in the order in which their lines lie in the files
_MEMORY: Final = "1GiB"  # of each of DuckDB's two connections; what is more goes to a temporary folder
_PAGES_AT_ONCE: Final = 1000
_SHORTEST_ID: Final = 6

# Names are compared before the selection, so that a document is called the same whatever is exported with it.
_HEADS: Final = """
WITH named AS (
  SELECT p.page_id, p.doc_id, p.collection, p.root, p.source_path, p.media_type, p.page_number AS number,
         greatest(coalesce(d.pages, 1), p.page_number) AS pages_of_document,
         p.origin, p.width, p.height, coalesce(p.rotation, 0) AS rotation, p.dpi, p.script,
         p.status, p.confidence, p.run_id, p.created_at,
         coalesce(r.warraq_version, '') AS warraq_version,
         CASE WHEN d.doc_id IS NULL THEN [] ELSE list_prepend(d.root, d.copy_roots) END AS roots,
         CASE WHEN d.doc_id IS NULL THEN [] ELSE list_prepend(d.source_path, d.copies) END AS paths,
         min(p.doc_id) OVER same_name <> max(p.doc_id) OVER same_name AS name_is_shared
  FROM pages p LEFT JOIN documents d USING (doc_id) LEFT JOIN runs r ON r.run_id = p.run_id
  WINDOW same_name AS (
    PARTITION BY p.collection, lower(regexp_replace(p.source_path, '[.][^./]*$', ''))))
SELECT {columns} FROM named WHERE {where}
"""
_LINE_COLUMNS: Final = (
    "page_id, run_id, line_id, line_order, x0, y0, x1, y1, polygon_x, polygon_y, baseline_x, baseline_y, "
    "region, direction, script, hand, text, confidence, engine, engine_version, model_sha256, flags, "
    "word_text, word_confidence, word_x0, word_y0, word_x1, word_y1"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pages: of one collection, of some documents, some page numbers of each; all where nothing is said.

    Attributes:
        documents: source paths, any at which the document was ever found; or document ids, of which the first six
            characters suffice.
        pages: as `--pages` has them: `1-5,8,12-`.
        human: whether what people wrote takes the place of what engines read, and whether anything else is exported.
    """

    collection: str | None = None
    documents: tuple[str, ...] = ()
    pages: PageRange = field(default_factory=lambda: PageRange(""))
    human: Which = ""

    def condition(self) -> tuple[str, dict[str, Any]]:
        """SQL over the columns of a page, and its parameters."""
        clauses, values = ["true"], dict[str, Any]()
        if self.collection is not None:
            clauses.append("collection = $collection")
            values["collection"] = self.collection
        if self.documents:
            any_of = []
            for number, document in enumerate(self.documents):
                values[f"d{number}"] = document
                any_of += [f"source_path = $d{number}", found_at(f"$d{number}")]
                if len(document) >= _SHORTEST_ID:
                    any_of.append(f"starts_with(doc_id, $d{number})")
            clauses.append(f"({' OR '.join(any_of)})")
        if self.pages.ranges:
            ranges = [f"number BETWEEN {low} AND {high or 2**31 - 1}" for low, high in self.pages.ranges]
            clauses.append(f"({' OR '.join(ranges)})")
        if only_written(self.human):
            clauses.append(has_written_lines(self.human))
        return " AND ".join(clauses), values


class Selected:
    """The selected pages of one version of a library, whose files stay while it is open. Close it when done.

    Attributes:
        pages, documents: how many.
        failed: pages and files of the collection and documents selected that only ever failed.

    Raises:
        UsageError: no page belongs to the collection or to one of the documents named.
        NothingToDo: the library is empty.
        LibraryError: the library cannot be read.
    """

    def __init__(self, library: Library, selection: Selection) -> None:
        self._root = library.root
        self._where, self._values = selection.condition()
        self._human = selection.human
        with ExitStack() as opened, reading(self._root):
            opened.enter_context(library.keeping_files())
            spill = opened.enter_context(tempfile.TemporaryDirectory(prefix="warraq-export-"))
            snapshot = library.snapshot()
            self._heads, self._lines = (
                opened.enter_context(closing(snapshot.connect(memory_limit=_MEMORY))) for _ in range(2)
            )
            for con in (self._heads, self._lines):
                con.execute("SET temp_directory = $folder", {"folder": spill})
            query = _HEADS.format(columns="count(*), count(DISTINCT doc_id)", where=self._where)
            self.pages, self.documents = self._heads.execute(query, self._values).fetchall()[0]
            if not self.pages:
                raise self._nothing(selection)
            self.failed = self._count_failed(selection)
            for document in selection.documents if len(selection.documents) > 1 else ():
                self._check(document, selection)
            self._opened = opened.pop_all()

    def __enter__(self) -> Selected:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[ExportPage]:
        """Pages of a document together and in order; documents by path, in large libraries by id."""
        by = "collection, source_path, doc_id, number" if self.pages <= BY_PATH_UP_TO else "doc_id, number"
        with reading(self._root):
            query = _HEADS.format(columns="*", where=self._where) + f" ORDER BY {by}"
            reader = self._heads.sql(query, params=self._values).to_arrow_reader(_PAGES_AT_ONCE)
            for batch in reader:
                yield from self._with_lines(batch.to_pylist())

    def _with_lines(self, heads: list[dict[str, Any]]) -> Iterator[ExportPage]:
        # The range lets the reader of the files skip what lies elsewhere; the list then picks the pages.
        ids = [head["doc_id"] for head in heads]
        marks = ", ".join("?" * len(heads))
        query = f"""
            SELECT {_LINE_COLUMNS} FROM lines WHERE doc_id BETWEEN ? AND ? AND page_id IN ({marks})
            ORDER BY page_id, run_id, line_order
        """
        values = [min(ids), max(ids), *(head["page_id"] for head in heads)]
        table = self._lines.sql(query, params=values).to_arrow_table()
        spans = _spans(table)
        written = written_lines(self._lines, values, self._human)
        for head in heads:
            start, stop = spans.get((head["page_id"], head["run_id"]), (0, 0))
            rows = table.slice(start, stop - start).to_pylist()
            if only_written(self._human):
                head = head | {"confidence": None}
            yield export_page(head, with_words(rows, written, self._human))

    def _count_failed(self, selection: Selection) -> int:
        where, values = selection.condition()
        query = f"""
            SELECT count(*) FROM (SELECT *, page_number AS number FROM failures) f
            WHERE page_id NOT IN (SELECT page_id FROM pages) AND {where}
        """
        return int(self._heads.execute(query, values).fetchall()[0][0])

    def _check(self, document: str, selection: Selection) -> None:
        single = replace(selection, documents=(document,))
        where, values = single.condition()
        query = _HEADS.format(columns="count(*)", where=where)
        if not self._heads.execute(query, values).fetchall()[0][0]:
            raise self._nothing(single)

    def _nothing(self, selection: Selection) -> UsageError | NothingToDo:
        known = [row[0] for row in self._heads.execute("SELECT DISTINCT collection FROM pages").fetchall()]
        if not known:
            return NothingToDo(
                "The library holds no pages.", remedy="Fill it: warraq run SOURCE --library DIR"
            )
        if selection.collection is not None and selection.collection not in known:
            return UsageError(
                f"There is no collection {selection.collection!r}.",
                remedy=f"It holds: {', '.join(sorted(known)[:20])}.",
            )
        if only_written(selection.human):
            return NothingToDo(
                "Nobody has written a line of these pages.",
                remedy="Correct some: warraq serve DIR --edit; or transcribe a sample: warraq audit sample --help",
            )
        return UsageError(
            "No page is selected"
            + (f" by {', '.join(map(repr, selection.documents))}." if selection.documents else "."),
            remedy="Name documents as `warraq sql 'SELECT source_path, doc_id FROM documents'` lists them, "
            "and pages they have.",
        )


def _spans(table: pa.Table) -> dict[tuple[str, str], tuple[int, int]]:
    """Rows [start, stop) of each page and run of a table that is sorted by them."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    keys = zip(table["page_id"].to_pylist(), table["run_id"].to_pylist(), strict=True)
    for row, key in enumerate(keys):
        start, _ = spans.get(key, (row, row))
        spans[key] = (start, row + 1)
    return spans
