"""Hits as people see them: the line with what matched marked, and where its words stand on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rapidfuzz.distance import OSA

from ocr_core.library.folding import Token, fold_tokens
from ocr_core.library.written import as_it_counts
from ocr_core.records import Box, doc_id, line_id
from ocr_core.search.query.language import Clause, Query

SNIPPET_CHARS: Final = 240

Range = tuple[int, int]  # half-open, characters


@dataclass(frozen=True, slots=True)
class HitWord:
    """A word of the line that matched, with its box in pixels of the original page."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that answers the query.

    Attributes:
        snippet: the line, or the part of a very long one around the first match.
        spans: half-open character ranges of `snippet` that matched, in order.
        words: the matched words whose boxes the engine gave.
        score: BM25, higher is better; comparable within one query only.
        edits: wrong characters between what was asked and what matched, 0 for an exact answer; the fewer the better,
            whatever the score.
        box: of the line, pixels of the original page.
        text, confidence, engine: what people wrote in place of the engine's reading, 1, and `human`, where they have.
        transcriber: who wrote it; empty for a reading.
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
    spans: tuple[Range, ...]
    words: tuple[HitWord, ...]
    score: float
    edits: int
    box: Box
    direction: str
    confidence: float | None
    engine: str
    transcriber: str


_PLACED: Final = ("page_id", "collection", "source_path", "page_number", "line_order", "score", "edits")
_PLAIN: Final = ("text", "direction", "confidence", "engine")
_SIDES: Final = ("x0", "y0", "x1", "y1")
COLUMNS: Final = (*_PLAIN, *_SIDES, "word_text", *(f"word_{side}" for side in _SIDES))
"""Of `lines`, what `hit` needs: the index knows the rest."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line is found and how well it answers; as in `Hit`. `written` is what people wrote on it."""

    page_id: str
    collection: str
    source_path: str
    page_number: int
    line_order: int
    score: float
    edits: int
    written: str | None
    transcriber: str | None


def hit(place: Place, row: Mapping[str, Any], query: Query) -> Hit:
    """A hit from a row of `lines`.

    Args:
        query: as it was answered, with the errors that were let pass.
    """
    if place.written is not None:
        words = {"text": place.written, "transcriber": place.transcriber, "status": "text"}
        row = as_it_counts(row, words)
    marked = mark(row["text"], query)
    snippet, spans = _cut(row["text"], marked)
    return Hit(
        **{name: getattr(place, name) for name in _PLACED},
        **{name: row[name] for name in _PLAIN},
        line_id=line_id(place.page_id, place.line_order),
        doc_id=doc_id(place.page_id),
        snippet=snippet,
        spans=tuple(spans),
        words=tuple(_words(row, marked)),
        box=Box(*(row[side] for side in _SIDES)),
        transcriber=place.transcriber or "",
    )


def mark(text: str, query: Query) -> list[Range]:
    """Half-open character ranges of `text` that match a clause of `query`, sorted, merged where they touch or
    overlap.
    """
    tokens = fold_tokens(text)
    ranges = sorted(
        (tokens[first].start, tokens[last - 1].end)
        for clause in query.clauses
        for first, last in _spans(clause, tokens)
    )
    merged: list[Range] = []
    for start, end in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _spans(clause: Clause, tokens: Sequence[Token]) -> list[Range]:
    """Where a clause stands among the words of a line, without overlap."""
    found = []
    at, size = 0, len(clause.words)
    while at + size <= len(tokens):
        if _stands_at(clause, tokens, at):
            found.append((at, at + size))
            at += size
        else:
            at += 1
    return found


def _stands_at(clause: Clause, tokens: Sequence[Token], at: int) -> bool:
    last = len(clause.words) - 1
    for i, (word, allowed) in enumerate(zip(clause.words, clause.allowed, strict=True)):
        there = tokens[at + i].text
        if clause.prefix and i == last:
            if not there.startswith(word):
                return False
        elif there != word and not (allowed and OSA.distance(there, word, score_cutoff=allowed) <= allowed):
            return False
    return True


def _words(row: Mapping[str, Any], marked: Sequence[Range]) -> list[HitWord]:
    """The engine's words that touch what is marked. They stand in the text one after the other."""
    found = []
    at = 0
    boxes = zip(*(row[f"word_{side}"] or () for side in _SIDES), strict=True)
    for word, box in zip(row["word_text"] or (), boxes, strict=True):
        start = row["text"].find(word, at)
        if start < 0:
            continue
        at = start + len(word)
        if any(start < end and at > begin for begin, end in marked):
            found.append(HitWord(word, Box(*box)))
    return found


def _cut(text: str, spans: list[Range]) -> tuple[str, list[Range]]:
    if len(text) <= SNIPPET_CHARS:
        return text, spans
    first = spans[0][0] if spans else 0
    start = max(0, min(first - SNIPPET_CHARS // 4, len(text) - SNIPPET_CHARS))
    end = start + SNIPPET_CHARS
    inside = [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]
    before, after = ("…" if start else ""), ("…" if end < len(text) else "")
    shift = len(before) - start
    return before + text[start:end] + after, [(a + shift, b + shift) for a, b in inside]
