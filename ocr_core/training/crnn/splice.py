"""Lines that nobody wrote: pieces of transcribed lines of one corpus, cut between words and joined.

A reader with recurrent layers learns the sentences of a few thousand lines by heart, and then guesses at those of others.
Words in ever new company leave it nothing but the ink to go by.
"""

from __future__ import annotations

import numpy as np

from ocr_core.training.crnn.cuts import Cuts, Gap
from ocr_core.training.crnn.pieces import Piece, joined, piece
from ocr_core.training.data.cache import CachedLine, LineCache

_NEIGHBOURS = 0.1
"""Pieces come from lines of like width: at most this share of a corpus's lines away in the order of widths."""


class Splicer:
    """Gives lines of a cache, some of them joined of the beginning of one, the middle of another and the end of a third."""

    def __init__(self, cache: LineCache, cuts: Cuts, probability: float) -> None:
        self._cache = cache
        self._cuts = cuts
        self._probability = probability
        self._ordered: dict[str, list[int]] = {}
        for row in sorted(cuts, key=cache.width):
            self._ordered.setdefault(cache.table["corpus"][row], []).append(row)
        self._rank = {row: rank for rows in self._ordered.values() for rank, row in enumerate(rows)}

    def line(self, row: int, rng: np.random.Generator) -> CachedLine:
        """The line of a row, or one of about its width that begins with its words."""
        line = self._cache[row]
        if row not in self._cuts or rng.random() >= self._probability:
            return line
        first, second = np.sort(rng.uniform(0.15, 0.85, 2))
        cut = self._gap(row, float(first))
        pieces = [_between(line, None, cut)]
        if second - first > 0.2:
            other = self._neighbour(row, rng)
            start, end = self._gap(other, float(first)), self._gap(other, float(second))
            if start.place < end.place:
                pieces.append(_between(self._cache[other], start, end))
        last = self._neighbour(row, rng)
        pieces.append(_between(self._cache[last], self._gap(last, float(second)), None))
        return joined(line, pieces, " ".join(p.text for p in pieces))

    def _gap(self, row: int, share: float) -> Gap:
        """The gap of a line that is nearest to a share of its width."""
        width = self._cache.table["width"][row]
        return min(self._cuts[row].gaps, key=lambda gap: abs(gap.column - share * width))

    def _neighbour(self, row: int, rng: np.random.Generator) -> int:
        rows = self._ordered[self._cache.table["corpus"][row]]
        reach = max(1, round(_NEIGHBOURS * len(rows)))
        rank = self._rank[row] + int(rng.integers(-reach, reach + 1))
        return rows[min(max(rank, 0), len(rows) - 1)]


def _between(line: CachedLine, start: Gap | None, end: Gap | None) -> Piece:
    text = line.text[start.place + 1 if start else None : end.place if end else None]
    return piece(line, start.column if start else None, end.column if end else None, text)
