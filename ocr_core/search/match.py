"""Which lines of a segment answer a clause, and which pass the filters."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ocr_core.search.index.segment import Segment, Span
from ocr_core.search.query.filters import Compared, Filter, Named, Within
from ocr_core.search.query.language import Clause, Query

Lines = NDArray[np.uint32]
Mask = NDArray[np.bool_]

_POSITION_BITS: Final = np.uint64(32)
_COMPARE: Final[dict[str, Callable[[Any, float], Mask]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Matches:
    """Lines that answer a clause.

    Attributes:
        lines: uint32 [n], ascending, each once.
        counts: how often, without overlap: int64 [n].
        edits: fewest wrong characters of one occurrence: uint8 [n].
    """

    lines: Lines
    counts: NDArray[np.int64]
    edits: NDArray[np.uint8]

    def only(self, kept: Mask) -> Matches:
        return Matches(self.lines[kept], self.counts[kept], self.edits[kept])

    def places(self, lines: Lines) -> tuple[NDArray[np.intp], Mask]:
        """Where each of `lines` stands among the matches, and whether it is one."""
        if not len(self.lines):
            return np.zeros(len(lines), np.intp), np.zeros(len(lines), np.bool_)
        at = np.minimum(np.searchsorted(self.lines, lines), len(self.lines) - 1)
        return at, self.lines[at] == lines


def match(segment: Segment, clause: Clause) -> Matches:
    """The lines of `segment` that answer `clause`."""
    if len(clause.words) == 1:
        return _match_word(segment, clause)
    keys: NDArray[np.uint64] | None = None
    edits = np.empty(0, np.uint8)
    last = len(clause.words) - 1
    # Where a phrase begins if its word number i stands here: the rarest words first leave the least to compare.
    found = [
        (i, _spans(segment, word, allowed, clause.prefix and i == last))
        for i, (word, allowed) in enumerate(zip(clause.words, clause.allowed, strict=True))
    ]
    for i, spans in sorted(found, key=lambda pair: sum(end - start for (start, end), _ in pair[1])):
        begins, wrong = _beginnings(segment, spans, i, last)
        if keys is None:
            keys, edits = begins, wrong
        else:
            keys, edits = _meet(keys, edits, begins, wrong)
        if not len(keys):
            break
    assert keys is not None
    kept = _apart(keys, len(clause.words))
    return _by_line((keys[kept] >> _POSITION_BITS).astype(np.uint32), edits[kept])


def _match_word(segment: Segment, clause: Clause) -> Matches:
    spans = _spans(segment, clause.words[0], clause.allowed[0], clause.prefix)
    lines = segment.postings("line", [span for span, _ in spans])
    edits = _repeated(spans)
    if clause.prefix or len(spans) > 1:  # the lines of several words, one after the other
        if edits.any():
            order = np.argsort(lines, kind="stable")
            lines, edits = lines[order], edits[order]
        else:
            lines = np.sort(lines)
    return _by_line(lines, edits)


def _spans(segment: Segment, word: str, allowed: int, prefix: bool) -> list[tuple[Span, int]]:
    """Postings of the words that may stand for `word`, with the wrong characters of each."""
    if allowed and not prefix:
        return segment.near(word, allowed)
    span = segment.beginning(word) if prefix else segment.term(word)
    return [(span, 0)] if span else []


def _repeated(spans: Sequence[tuple[Span, int]]) -> NDArray[np.uint8]:
    if len(spans) == 1 and spans[0][1] == 0:
        return np.zeros(spans[0][0][1] - spans[0][0][0], np.uint8)
    sizes = np.array([end - start for (start, end), _ in spans], np.int64)
    return np.repeat(np.array([far for _, far in spans], np.uint8), sizes)


def _beginnings(
    segment: Segment, spans: Sequence[tuple[Span, int]], place: int, last: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Line and position (moved up by `last`, lest it fall below zero) where a phrase would begin, ascending."""
    rows = [span for span, _ in spans]
    keys = segment.postings("line", rows).astype(np.uint64) << _POSITION_BITS
    keys += segment.postings("position", rows) + np.uint64(last - place)
    edits = _repeated(spans)
    order = np.argsort(keys, kind="stable") if edits.any() else None
    if order is not None:
        return keys[order], edits[order]
    return np.sort(keys), edits


def _meet(
    keys: NDArray[np.uint64], edits: NDArray[np.uint8], others: NDArray[np.uint64], wrong: NDArray[np.uint8]
) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """What is in both, the wrong characters added up."""
    if not len(others):
        return keys[:0], edits[:0]
    at = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    both = others[at] == keys
    return keys[both], edits[both] + wrong[at[both]]


def _apart(keys: NDArray[np.uint64], size: int) -> Mask:
    """Which phrases of `size` words remain when from the left those that overlap one before are left out."""
    kept = np.ones(len(keys), np.bool_)
    last = np.uint64(0)
    for at in np.flatnonzero(np.diff(keys) < size) + 1:
        if kept[at - 1]:
            last = keys[at - 1]
        kept[at] = keys[at] - last >= size
    return kept


def _by_line(lines: Lines, edits: NDArray[np.uint8]) -> Matches:
    """Occurrences, ascending by line → matches."""
    if not len(lines):
        return Matches(lines, np.empty(0, np.int64), edits)
    first = np.empty(len(lines), np.bool_)
    first[0] = True
    np.not_equal(lines[1:], lines[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(lines))
    return Matches(lines[starts], counts, np.minimum.reduceat(edits, starts))


def passes(segment: Segment, query: Query, lines: Lines) -> Mask:
    """Which of `lines` pass the filters and the scope of `query`."""
    kept = _holds(segment, query.scope, lines) if query.scope else np.ones(len(lines), np.bool_)
    either: dict[str, Mask] = {}
    for each in query.filters:
        holds = _holds(segment, each, lines)
        if each.excluded:
            kept &= ~holds
        elif isinstance(each, Compared):
            kept &= holds
        else:
            either[each.field] = either[each.field] | holds if each.field in either else holds
    for holds in either.values():
        kept &= holds
    return kept


def _holds(segment: Segment, each: Filter, lines: Lines) -> Mask:
    if isinstance(each, Compared):
        values = segment.line_column("confidence").to_numpy()
        # A missing confidence is NaN, which no comparison holds for.
        return _COMPARE[each.operator](values[lines], each.bound)
    if isinstance(each, Named) and each.field != "collection":
        return _named(segment.line_column(each.field), each)[lines]
    if isinstance(each, Named):
        pages = _named(segment.pages["collection"], each)
    else:
        column = segment.pages["page_number" if each.field == "page" else "created_at"]
        pages = _within(np.asarray(column.cast(pa.int64())), each)
    return pages[segment.page_of[lines]]


def _named(column: pa.ChunkedArray, each: Named) -> Mask:
    holds = pc.starts_with(column, each.name) if each.prefix else pc.equal(column, each.name)
    return np.asarray(pc.fill_null(holds, False))


def _within(values: NDArray[np.int64], each: Within) -> Mask:
    holds = np.ones(len(values), np.bool_)
    if each.low is not None:
        holds &= values >= each.low
    if each.high is not None:
        holds &= values < each.high
    return holds
