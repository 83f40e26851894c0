"""Full-text search over the lines of a library, ranked by BM25.

This is a scan over the folded text: seconds for millions of lines, nothing to build. The scores are those
that postings will give (k1 = 1.2, b = 0.75, statistics over all lines of the library whatever the filter).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from ocr_core.library import Library
from ocr_core.library.folding import fold_tokens
from ocr_core.records import Box
from ocr_core.search.query import Clause, Query, parse

SNIPPET_CHARS: Final = 240
_K1: Final = 1.2
_B: Final = 0.75

# Every word between two spaces of its own, so that neighbours share none.
_PADDED: Final = "' ' || replace(text_search, ' ', '  ') || ' '"
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
        UsageError: the query holds nothing to look for.
        LibraryError: the library cannot be read.
    """
    wanted = parse(query)
    with closing(library.connect()) as con:
        scores = _rank(con, wanted, limit, collection)
        if not scores:
            return []
        rows = con.execute(
            f"SELECT {_DETAILS} FROM lines WHERE line_id IN (SELECT unnest($ids))", {"ids": list(scores)}
        )
        names = [column[0] for column in rows.description or ()]
        found = {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}
    return [_hit(found[line_id], score, wanted) for line_id, score in scores.items()]


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
    patterns = {f"p{i}": _pattern(clause) for i, clause in enumerate(query.clauses)}
    counts = ", ".join(f"count_if(contains(padded, ${name}))" for name in patterns)
    words = "strlen(padded) - strlen(text_search) - 1"  # two spaces a word, one fewer in the text
    source = f"(SELECT *, {_PADDED} AS padded FROM lines WHERE text_search <> '')"
    lines, total, *found = con.execute(
        f"SELECT count(*), sum({words}), {counts} FROM {source}", patterns
    ).fetchall()[0]
    if not all(found):
        return {}
    weights = {f"df{i}": float(df) for i, df in enumerate(found)}
    scores = " + ".join(
        f"ln(($lines - $df{i} + 0.5) / ($df{i} + 0.5) + 1) * tf{i} * {_K1 + 1}"
        f" / (tf{i} + {_K1} * ({1 - _B} + {_B} * words / $mean))"
        for i in range(len(patterns))
    )
    frequencies = ", ".join(
        f"(strlen(padded) - strlen(replace(padded, ${name}, ''))) // strlen(${name}) AS tf{i}"
        for i, name in enumerate(patterns)
    )
    holds = " AND ".join(f"contains(padded, ${name})" for name in patterns)
    ranked = con.execute(
        f"""
        SELECT line_id, round({scores}, 9) AS score
        FROM (SELECT line_id, source_path, page_number, line_order, {words} AS words, {frequencies}
              FROM {source} WHERE {holds} AND ($collection IS NULL OR collection = $collection))
        ORDER BY score DESC, source_path, page_number, line_order, line_id LIMIT $limit
        """,
        {
            **patterns,
            **weights,
            "lines": lines,
            "mean": total / lines,
            "collection": collection,
            "limit": limit,
        },
    )
    return dict(ranked.fetchall())


def _pattern(clause: Clause) -> str:
    whole = " " + "  ".join(clause.words)
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
