"""Lines that nobody wrote: pieces of transcribed lines of one corpus, cut between words and joined.

A reader with recurrent layers learns the sentences of a few thousand lines by heart, and then guesses at those of others.
Words in ever new company leave it nothing but the ink to go by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.training.data.cache import CachedLine, LineCache

_NEIGHBOURS = 0.1
"""Pieces come from lines of like width: at most this share of a corpus's lines away in the order of widths."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A space between words: its place in the transcript and a column of the cached strip inside it."""

    place: int
    column: int


Gaps = dict[int, tuple[Gap, ...]]
"""Of rows of a line cache, from left to right."""


class Splicer:
    """Gives lines of a cache, some of them joined of the beginning of one, the middle of another and the end of a third."""

    def __init__(self, cache: LineCache, gaps: Gaps, probability: float) -> None:
        self._cache = cache
        self._gaps = gaps
        self._probability = probability
        self._ordered: dict[str, list[int]] = {}
        for row in sorted(gaps, key=cache.width):
            self._ordered.setdefault(cache.table["corpus"][row], []).append(row)
        self._rank = {row: rank for rows in self._ordered.values() for rank, row in enumerate(rows)}

    def line(self, row: int, rng: np.random.Generator) -> CachedLine:
        """The line of a row, or one of about its width that begins with its words."""
        line = self._cache[row]
        if row not in self._gaps or rng.random() >= self._probability:
            return line
        first, second = np.sort(rng.uniform(0.15, 0.85, 2))
        cut = self._gap(row, float(first))
        pieces = [_piece(line, None, cut)]
        if second - first > 0.2:
            other = self._neighbour(row, rng)
            start, end = self._gap(other, float(first)), self._gap(other, float(second))
            if start.place < end.place:
                pieces.append(_piece(self._cache[other], start, end))
        last = self._neighbour(row, rng)
        pieces.append(_piece(self._cache[last], self._gap(last, float(second)), None))
        return _joined(line, pieces)

    def _gap(self, row: int, share: float) -> Gap:
        """The gap of a line that is nearest to a share of its width."""
        width = self._cache.table["width"][row]
        return min(self._gaps[row], key=lambda gap: abs(gap.column - share * width))

    def _neighbour(self, row: int, rng: np.random.Generator) -> int:
        rows = self._ordered[self._cache.table["corpus"][row]]
        reach = max(1, round(_NEIGHBOURS * len(rows)))
        rank = self._rank[row] + int(rng.integers(-reach, reach + 1))
        return rows[min(max(rank, 0), len(rows) - 1)]


@dataclass(frozen=True, slots=True)
class _Piece:
    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    text: str


def _piece(line: CachedLine, start: Gap | None, end: Gap | None) -> _Piece:
    columns = slice(start.column if start else None, end.column if end else None)
    text = line.text[start.place + 1 if start else None : end.place if end else None]
    return _Piece(line.pixels[:, columns], None if line.mask is None else line.mask[:, columns], text)


def _joined(line: CachedLine, pieces: Sequence[_Piece]) -> CachedLine:
    """Pieces side by side on paper as bright as that of the first."""
    rows = len(line.pixels)
    bright = _paper(pieces[0].pixels)
    pixels = [pieces[0].pixels]
    for piece in pieces[1:]:
        scaled = piece.pixels.astype(np.float32) * (bright / max(_paper(piece.pixels), 1.0))
        pixels.append(_as_high(np.clip(scaled, 0, 255).astype(np.uint8), rows, 255))
    masks = [p.mask for p in pieces]
    whole = None
    if all(m is not None for m in masks):
        whole = np.concatenate([_as_high(m, rows, 0) for m in masks if m is not None], axis=1)
    text = " ".join(p.text for p in pieces)
    return CachedLine(
        np.concatenate(pixels, axis=1), whole, line.top, line.left, text, line.corpus, line.page
    )


def _as_high(image: NDArray[np.uint8], rows: int, fill: int) -> NDArray[np.uint8]:
    """Strips of one corpus differ by a row at most, from rounding."""
    missing = rows - len(image)
    return image[:rows] if missing <= 0 else np.pad(image, ((0, missing), (0, 0)), constant_values=fill)


def _paper(pixels: NDArray[np.uint8]) -> float:
    return float(np.percentile(pixels[::2, ::2], 75))
