"""Pieces of cached lines, and lines joined of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.training.data.cache import CachedLine


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a cached strip and what it says: grey uint8 [rows, columns], and its mask where it has one."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    text: str


def piece(line: CachedLine, start: int | None, end: int | None, text: str) -> Piece:
    """What stands in columns `start` to `end` of a strip; None is its edge."""
    columns = slice(start, end)
    return Piece(line.pixels[:, columns], None if line.mask is None else line.mask[:, columns], text)


def joined(line: CachedLine, pieces: Sequence[Piece], text: str) -> CachedLine:
    """Pieces side by side on paper as bright as that of the first, in the frame of `line`, as of its corpus and page."""
    rows = len(line.pixels)
    bright = _paper(pieces[0].pixels)
    pixels = [_as_high(pieces[0].pixels, rows, 255)]
    for further in pieces[1:]:
        scaled = further.pixels.astype(np.float32) * (bright / max(_paper(further.pixels), 1.0))
        pixels.append(_as_high(np.clip(scaled, 0, 255).astype(np.uint8), rows, 255))
    masks = [p.mask for p in pieces]
    whole = None
    if all(m is not None for m in masks):
        whole = np.concatenate([_as_high(m, rows, 0) for m in masks if m is not None], axis=1)
    return CachedLine(
        np.concatenate(pixels, axis=1), whole, line.top, line.left, text, line.corpus, line.page
    )


def _as_high(image: NDArray[np.uint8], rows: int, fill: int) -> NDArray[np.uint8]:
    """Strips of one corpus differ by a row at most, from rounding."""
    missing = rows - len(image)
    return image[:rows] if missing <= 0 else np.pad(image, ((0, missing), (0, 0)), constant_values=fill)


def _paper(pixels: NDArray[np.uint8]) -> float:
    return float(np.percentile(pixels[::2, ::2], 75))
