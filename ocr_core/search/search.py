"""Full-text search over the lines of a library, ranked by BM25.

This is a scan over the folded text: seconds for millions of lines, nothing to build. The scores are those
that postings will give (k1 = 1.2, b = 0.75, statistics over all lines of the library whatever the filter).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import duckdb

from ocr_core.errors import UsageError
from ocr_core.library import Library
from ocr_core.library.folding import fold_tokens
from ocr_core.records import Box
from ocr_core.search.query import Clause, Query, parse

SNIPPET_CHARS: Final = 240
_K1: Final = 1.2
_B: Final = 0.75

_PADDED: Final = "' ' || text_search || ' '"
# Every word between two spaces of its own: occurrences side by side share none and can be counted.
_SPACED: Final = "' ' || replace(text_search, ' ', '  ') || ' '"
_DETAILS: Final = (
    "line_id, page_id, doc_id, collection, source_path, page_number, line_order, x0, y0, x1, y1, direction, "
    "text, confidence, engine"
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that answers the query.

    Attributes:
        snippet: the line, or the part of a very long one around the first match.
        spans: half-open character ranges of `snippet` that matched, in order.
        score: BM25, higher is better; comparable within one query only.
        box: of the line, pixels of the original page.
    """

    line_id: str
    page_id: str
    doc_id: str
    collection: str
    source_path: str
    page_number: int
    line_order: int
    text: str
    snippet: str
    spans: tuple[tuple[int, int], ...]
    score: float
    box: Box
    direction: str
    confidence: float | None
    engine: str


def search(library: Library, query: str, *, limit: int = 20, collection: str | None = None) -> list[Hit]:
    """The best `limit` lines that answer `query` (see `query.parse`), best first; ties by path, page and
    line.

    Raises:
        UsageError: the query holds nothing to look for, or `limit` is below 1.
        LibraryError: the library cannot be read.
    """
    wanted = parse(query)
    if limit < 1:
        raise UsageError(f"Not a number of hits: {limit}", remedy="Ask for one at least.")
    return library.reading(lambda con: _find(con, wanted, limit, collection))


def _find(con: duckdb.DuckDBPyConnection, query: Query, limit: int, collection: str | None) -> list[Hit]:
    scores = _rank(con, query, limit, collection)
    if not scores:
        return []
    places = ", ".join("?" * len(scores))  # written out, the list reaches the reader of the files
    rows = con.execute(f"SELECT {_DETAILS} FROM lines WHERE line_id IN ({places})", list(scores))
    names = [column[0] for column in rows.description or ()]
    found = {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}
    return [_hit(found[line_id], score, query) for line_id, score in scores.items()]


def mark(text: str, query: Query) -> list[tuple[int, int]]:
    """Half-open character ranges of `text` that match a clause of `query`, sorted, merged where they touch or
    overlap.
    """
    tokens = fold_tokens(text)
    words = [token.text for token in tokens]
    ranges = sorted(
        (tokens[first].start, tokens[last - 1].end)
        for clause in query.clauses
        for first, last in clause.spans(words)
    )
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _rank(
    con: duckdb.DuckDBPyConnection, query: Query, limit: int, collection: str | None
) -> dict[str, float]:
    """Scores of the best lines by line id, best first."""
    patterns = {f"p{i}": _pattern(clause, " ") for i, clause in enumerate(query.clauses)}
    counts = ", ".join(f"count_if(contains({_PADDED}, ${name}))" for name in patterns)
    lines, total, *found = con.execute(
        f"SELECT count(*), sum(words), {counts} FROM lines WHERE words > 0", patterns
    ).fetchall()[0]
    if not all(found):
        return {}
    weights = {f"df{i}": float(df) for i, df in enumerate(found)}
    spaced = {f"s{i}": _pattern(clause, "  ") for i, clause in enumerate(query.clauses)}
    scores = " + ".join(
        f"ln(($lines - $df{i} + 0.5) / ($df{i} + 0.5) + 1) * tf{i} * {_K1 + 1}"
        f" / (tf{i} + {_K1} * ({1 - _B} + {_B} * words / $mean))"
        for i in range(len(patterns))
    )
    frequencies = ", ".join(
        f"(strlen(spaced) - strlen(replace(spaced, ${name}, ''))) // strlen(${name}) AS tf{i}"
        for i, name in enumerate(spaced)
    )
    holds = " AND ".join(f"contains({_PADDED}, ${name})" for name in patterns)
    ranked = con.execute(
        f"""
        SELECT line_id, round({scores}, 9) AS score
        FROM (SELECT line_id, source_path, page_number, line_order, words, {frequencies}
              FROM (SELECT *, {_SPACED} AS spaced FROM lines WHERE {holds} AND words > 0
                    AND ($collection IS NULL OR collection = $collection)))
        ORDER BY score DESC, source_path, page_number, line_order, line_id LIMIT $limit
        """,
        {
            **patterns,
            **spaced,
            **weights,
            "lines": lines,
            "mean": total / lines,
            "collection": collection,
            "limit": limit,
        },
    )
    return dict(ranked.fetchall())


def _pattern(clause: Clause, between: str) -> str:
    whole = " " + between.join(clause.words)
    return whole if clause.prefix else whole + " "


def _hit(row: dict[str, Any], score: float, query: Query) -> Hit:
    box = Box(*(row.pop(side) for side in ("x0", "y0", "x1", "y1")))
    spans = mark(row["text"], query)
    snippet, spans = _cut(row["text"], spans)
    return Hit(**row, snippet=snippet, spans=tuple(spans), score=score, box=box)


def _cut(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    if len(text) <= SNIPPET_CHARS:
        return text, spans
    first = spans[0][0] if spans else 0
    start = max(0, min(first - SNIPPET_CHARS // 4, len(text) - SNIPPET_CHARS))
    end = start + SNIPPET_CHARS
    inside = [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]
    before, after = ("…" if start else ""), ("…" if end < len(text) else "")
    shift = len(before) - start
    return before + text[start:end] + after, [(a + shift, b + shift) for a, b in inside]
