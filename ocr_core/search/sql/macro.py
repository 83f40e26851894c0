"""`search_lines('…')` in SQL: the hits of `Searcher.search` as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import duckdb

from ocr_core.errors import UsageError, WarraqError
from ocr_core.search.search import Hit, Searcher

DEFAULT_HITS: Final = 1_000
MAX_HITS: Final = 10_000

_FUNCTION: Final = "search_lines_found"
_TYPE: Final = """
STRUCT(place INTEGER, score DOUBLE, edits INTEGER, line_id VARCHAR, page_id VARCHAR, doc_id VARCHAR,
  collection VARCHAR, source_path VARCHAR, page_number INTEGER, line_order INTEGER,
  x0 INTEGER, y0 INTEGER, x1 INTEGER, y1 INTEGER, direction VARCHAR, text VARCHAR, confidence DOUBLE, engine VARCHAR,
  transcriber VARCHAR, snippet VARCHAR, spans INTEGER[][],
  words STRUCT(word VARCHAR, x0 INTEGER, y0 INTEGER, x1 INTEGER, y1 INTEGER)[])[]
"""
_MACRO: Final = f"""
CREATE TEMP MACRO search_lines(query, hits := {DEFAULT_HITS}) AS TABLE
SELECT hit.* FROM (SELECT unnest({_FUNCTION}(query, CAST(hits AS BIGINT))) AS hit)
"""


class SearchLines:
    """Gives a connection the table macro `search_lines(query, hits := 1000)`, best hits first: `place` counts from 1.

    Attributes:
        trouble: why the last call failed, which DuckDB's own error wraps beyond recognition.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, searcher: Searcher) -> None:
        self._searcher = searcher
        self.trouble: WarraqError | None = None
        con.create_function(_FUNCTION, self._find, ["VARCHAR", "BIGINT"], _TYPE)
        con.execute(_MACRO)

    def _find(self, query: str, hits: int) -> list[dict[str, Any]]:
        try:
            if hits > MAX_HITS:
                raise UsageError(f"Too many hits: {hits}", remedy=f"At most {MAX_HITS} are possible.")
            found = self._searcher.search(query, limit=hits)
        except WarraqError as error:
            self.trouble = error
            raise
        return [_row(place, hit) for place, hit in enumerate(found, start=1)]


def _row(place: int, hit: Hit) -> dict[str, Any]:
    places = "line_id page_id doc_id collection source_path page_number line_order"
    contents = "direction text confidence engine transcriber"
    return {
        "place": place,
        "score": hit.score,
        "edits": hit.edits,
        **{name: getattr(hit, name) for name in f"{places} {contents}".split()},
        **asdict(hit.box),
        "snippet": hit.snippet,
        "spans": [list(span) for span in hit.spans],
        "words": [{"word": word.text, **asdict(word.box)} for word in hit.words],
    }
