"""From a query to ranked lines: fewest wrong characters first, then BM25.

BM25 (Robertson and Zaragoza 2009) with k1 = 1.2, b = 0.75; the document is the line, the statistics are those of all
lines with words, whatever the filter. A clause counts as one term: its frequency is how often it stands on the line,
its document frequency the number of lines that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ocr_core.search.index.files import Live
from ocr_core.search.index.segment import Segment
from ocr_core.search.match import Lines, Mask, Matches, match, passes
from ocr_core.search.query.language import Clause, Query, tolerated

_K1: Final = 1.2
_B: Final = 0.75


@dataclass(frozen=True, slots=True)
class Ranked:
    """A line that answers. `edits` as in `search.Hit`."""

    segment: Segment
    line: int
    score: float
    edits: int


@dataclass(frozen=True, slots=True)
class _Found:
    """Lines of one segment on which all of the query holds, ascending, with their wrong characters and scores."""

    segment: Segment
    lines: Lines
    edits: NDArray[np.int64]
    scores: NDArray[np.float64]


class Ranking:
    """Ranks the lines of an index.

    Attributes:
        lines, mean: number of lines with words, and words on one of them.
    """

    def __init__(self, parts: Sequence[Live]) -> None:
        self._parts = parts
        self._alive: list[Mask | None] = [None if live.alive.all() else live.lines() for live in parts]
        self.lines = sum(live.count for live in parts)
        words = sum(
            int((live.segment.words if alive is None else live.segment.words[alive]).sum(dtype=np.int64))
            for live, alive in zip(parts, self._alive, strict=True)
        )
        self.mean = words / self.lines if self.lines else 1.0

    def rank(self, query: Query, limit: int | None, *, tolerant: bool) -> tuple[list[Ranked], Query]:
        """The best lines, and the query as it was answered: with the errors that were let pass where a term has no
        line of its own among those that pass the filters."""
        matches = {clause: self._matches(clause) for clause in dict.fromkeys(query.clauses + query.excluded)}
        if tolerant:
            query = self._tolerate(query, matches)
        found = []
        frequencies = {clause: sum(len(m.lines) for m in matches[clause]) for clause in query.clauses}
        for place, live in enumerate(self._parts):
            here = {clause: matches[clause][place] for clause in matches}
            lines = self._answering(live.segment, query, here)
            if len(lines):
                found.append(self._scored(live.segment, lines, query, here, frequencies))
        return _best(found, limit), query

    def _matches(self, clause: Clause) -> list[Matches]:
        """By segment, lines that count only."""
        found = []
        for live, alive in zip(self._parts, self._alive, strict=True):
            matches = match(live.segment, clause)
            found.append(matches if alive is None else matches.only(alive[matches.lines]))
        return found

    def _tolerate(self, query: Query, matches: dict[Clause, list[Matches]]) -> Query:
        """The query with errors let pass in terms that nothing else answers; `matches` gets theirs."""
        groups = []
        for group in query.groups:
            clauses = []
            for clause in group:
                if clause.edits is None and not self._answers(matches[clause], query):
                    clause = replace(clause, edits=tuple(map(tolerated, clause.words)))
                    if clause not in matches:
                        matches[clause] = self._matches(clause)
                clauses.append(clause)
            groups.append(tuple(clauses))
        return replace(query, groups=tuple(groups))

    def _answers(self, matches: list[Matches], query: Query) -> bool:
        return any(
            passes(live.segment, query, m.lines).any()
            for live, m in zip(self._parts, matches, strict=True)
            if len(m.lines)
        )

    def _answering(self, segment: Segment, query: Query, matches: dict[Clause, Matches]) -> Lines:
        groups = [
            reduce(np.union1d, [matches[clause].lines for clause in group[1:]], matches[group[0]].lines)
            for group in query.groups
        ]
        groups.sort(key=len)
        lines = groups[0]
        for other in groups[1:]:
            lines = lines[_held(other, lines)]
        for clause in query.excluded:
            lines = lines[~matches[clause].places(lines)[1]]
        return lines[passes(segment, query, lines)]

    def _scored(
        self,
        segment: Segment,
        lines: Lines,
        query: Query,
        matches: dict[Clause, Matches],
        frequencies: dict[Clause, int],
    ) -> _Found:
        length = _K1 * (1 - _B + _B * segment.words[lines] / self.mean)
        scores = np.zeros(len(lines))
        edits = np.zeros(len(lines), np.int64)
        for group in query.groups:
            fewest = np.full(len(lines), 255, np.int64)
            for clause in group:
                at, holds = matches[clause].places(lines)
                if not holds.any():
                    continue
                weight = np.log((self.lines - frequencies[clause] + 0.5) / (frequencies[clause] + 0.5) + 1)
                count = np.where(holds, matches[clause].counts[at], 0)
                scores += weight * count * (_K1 + 1) / (count + length)
                fewest = np.minimum(fewest, np.where(holds, matches[clause].edits[at], 255))
            edits += fewest
        # Rounded, so that the order of additions does not part what is equal.
        return _Found(segment, lines, edits, np.round(scores, 9))


def _held(among: Lines, lines: Lines) -> Mask:
    if not len(among):
        return np.zeros(len(lines), np.bool_)
    return among[np.minimum(np.searchsorted(among, lines), len(among) - 1)] == lines


def _best(found: list[_Found], limit: int | None) -> list[Ranked]:
    ranked = [
        Ranked(each.segment, int(each.lines[at]), float(each.scores[at]), int(each.edits[at]))
        for each in found
        for at in _first(each, limit)
    ]
    if len(found) > 1:
        ranked.sort(key=lambda at: (at.edits, -at.score, _place(at.segment, at.line)))
    else:  # the lines of a segment stand in the order of their places
        ranked.sort(key=lambda at: (at.edits, -at.score, at.line))
    return ranked[:limit]


def _place(segment: Segment, line: int) -> tuple[object, ...]:
    """What ties are ordered by: path, page, result, line."""
    page = segment.page(int(segment.page_of[line]))
    return page["source_path"], page["page_number"], page["page_id"], int(segment.line_order[line])


def _first(found: _Found, limit: int | None) -> NDArray[np.intp]:
    """The best `limit` lines in no particular order, of equal ones those that come first."""
    count = len(found.lines)
    if limit is None or limit >= count:
        return np.arange(count)
    chosen: list[NDArray[np.intp]] = []
    wanted = limit
    for edits in np.unique(found.edits):
        here = np.flatnonzero(found.edits == edits)
        if len(here) > wanted:
            scores = found.scores[here]
            bound = -np.partition(-scores, wanted - 1)[wanted - 1]
            better = here[scores > bound]
            here = np.concatenate([better, here[scores == bound][: wanted - len(better)]])
        chosen.append(here)
        wanted -= len(here)
        if not wanted:
            break
    return np.concatenate(chosen)
