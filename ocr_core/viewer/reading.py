"""A page as its reader sees it: lines with the words of a search marked, in the text and on the image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from ocr_core.errors import UsageError
from ocr_core.exports.model import ExportLine, PlacedWord
from ocr_core.exports.rows import export_line
from ocr_core.library.written import HUMAN, Place, as_it_counts, place_of
from ocr_core.search.hits import mark
from ocr_core.search.query.language import Clause, Query, parse, tolerated

BANDS: Final = 10
UNSURE: Final = 0.6  # words below are marked as such in the text

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line's text that looks the same all along."""

    text: str
    found: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of a page. `found` are the words that a search found, with their boxes.

    Attributes:
        line: as people have written it, where they have.
        band: 0 (least sure) … 9, None while it waits for an engine.
        reading: what an engine read.
        words: what people said last about it (a row of `newest_words`), if they did.
    """

    line: ExportLine
    pieces: tuple[Piece, ...]
    found: tuple[PlacedWord, ...]
    band: int | None
    reading: str
    words: Mapping[str, Any] | None

    @property
    def by_hand(self) -> bool:
        """Whether a person's words take the place of the reading."""
        return self.line.engine.name == HUMAN

    @property
    def outline(self) -> str:
        """The polygon as SVG has it."""
        return " ".join(f"{x},{y}" for x, y in self.line.polygon)


def read_lines(
    page: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    query: str = "",
    written: Mapping[Place, Mapping[str, Any]] | None = None,
) -> list[ReadLine]:
    """The lines of a page from its row of `pages` and its rows of `lines`; a query that makes no sense marks nothing.

    Args:
        written: what people said last about its lines.
    """
    said = [(written or {}).get(place_of(row)) for row in rows]
    lines = [
        export_line(as_it_counts(row, words), number, page)
        for number, (row, words) in enumerate(zip(rows, said, strict=True), 1)
    ]
    marked = _marked([line.text for line in lines], query)
    return [
        _read(line, ranges, row["text"] or "", words)
        for line, ranges, row, words in zip(lines, marked, rows, said, strict=True)
    ]


def pieces(text: str, marked: Sequence[Range], unsure: Sequence[Range] = ()) -> tuple[Piece, ...]:
    """Text cut where marks begin or end; all of it, in order."""
    cuts = sorted({0, len(text), *(at for pair in (*marked, *unsure) for at in pair)})
    return tuple(
        Piece(text[start:end], _within(start, marked), _within(start, unsure))
        for start, end in pairwise(cuts)
        if start < end
    )


def band(confidence: float | None) -> int | None:
    return None if confidence is None else min(BANDS - 1, int(confidence * BANDS))


def _within(at: int, ranges: Sequence[Range]) -> bool:
    return any(start <= at < end for start, end in ranges)


def _read(
    line: ExportLine, marked: Sequence[Range], reading: str, words: Mapping[str, Any] | None
) -> ReadLine:
    places = [match.span() for match in re.finditer(r"\S+", line.text)]
    placed = list(zip(line.words, places, strict=False)) if len(places) == len(line.words) else []
    unsure = [span for word, span in placed if word.confidence is not None and word.confidence < UNSURE]
    found = [word for word, (a, b) in placed if any(a < end and b > start for start, end in marked)]
    shown = pieces(line.text, marked, unsure)
    return ReadLine(line, shown, tuple(found), band(line.confidence), reading, words)


def _marked(texts: Sequence[str], query: str) -> list[list[Range]]:
    try:
        parsed = parse(query)
    except UsageError:
        return [[] for _ in texts]
    groups = tuple(tuple(_answered(clause, texts) for clause in group) for group in parsed.groups)
    return [mark(text, replace(parsed, groups=groups)) for text in texts]


def _answered(clause: Clause, texts: Sequence[str]) -> Clause:
    """The clause as the search answers it: errors pass in a word that stands nowhere as it is written."""
    if clause.edits is not None or any(mark(text, Query(((clause,),))) for text in texts):
        return clause
    return replace(clause, edits=tuple(map(tolerated, clause.words)))
