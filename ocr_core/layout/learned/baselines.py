"""From maps of probabilities to baselines: crests, followed from column to column and linked across gaps.

Pages come straight to a few degrees, so a baseline is a function of x. Where lines end, by the network's word, crests are
cut, so that lines of neighbouring columns stay apart however close they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.crests import Course, chains, crest_pixels, crests_of, distance, enlarged_ys, smoothed
from ocr_core.layout.learned.maps import Floats, LineMaps

_LOW = 0.25
"""A crest is followed down to this probability."""
_END = 0.35
"""Lines are cut where the probability of an end is higher than this …"""
_MARGIN = 2
"""… and were drawn this many pixels of 1/2 too short by that: the mark has a thickness."""
_SHORTEST = 0.45
"""Share of its height that a line is long at least."""
_GAP = 1.5
"""Shares of its height across which a line is continued …"""
_STEP, _BEND = 0.2, 0.4
"""… where its continuation lies no further up or down than the one share, or the other where likely baseline leads there."""
_BRANCH = 2.0
"""Shares of a line's height: what branches off it is no line if it is shorter."""
_SURE, _SURER, _SHORT = 0.6, 0.85, 1.5
"""Mean probability of a line, and of one that is shorter than so many of its heights."""
_DOUBTFUL = 0.42
"""Mean probability of what is a line only if the ink bears it out."""


@dataclass(frozen=True, slots=True)
class Baseline(Course):
    """A baseline in working pixels.

    Attributes:
        above, below: how far the line reaches above and below, working pixels.
        sure: mean probability along it.
    """

    above: float
    below: float
    sure: float

    @property
    def height(self) -> float:
        return self.above + self.below


@dataclass(frozen=True, slots=True)
class _Piece(Course):
    """A crest in pixels of 1/2: probability of each column, reach in the same pixels.

    `patch` numbers the connected patch of likely baseline that it runs through.
    """

    strength: NDArray[np.float64]
    above: float
    below: float
    patch: int

    @property
    def height(self) -> float:
        return self.above + self.below


def find_baselines(maps: LineMaps, shape: tuple[int, ...]) -> tuple[list[Baseline], list[Baseline]]:
    """The baselines of a page of `shape` [H, W] working pixels, in no order: sure ones, and others where a line may run."""
    pieces = [p for p in _linked(_pieces(maps), maps) if len(p.ys) >= _SHORTEST * p.height]
    lines = _apart([p for p in pieces if _is_line(p)])
    others = [
        p for p in pieces if not _is_line(p) and p.strength.mean() > _DOUBTFUL and not _runs_along(p, lines)
    ]
    return [_enlarged(p, shape[1]) for p in lines], [_enlarged(p, shape[1]) for p in others]


def _is_line(piece: _Piece) -> bool:
    short = len(piece.ys) <= _SHORT * piece.height
    return float(piece.strength.mean()) > (_SURER if short else _SURE)


def enlarged(line: Baseline, across: float, down: float) -> Baseline:
    """A baseline found on a reduced page, in pixels of the page: so many times as large across and down."""
    x0, x1 = round(line.x0 * across), round(line.x1 * across)
    ys = enlarged_ys(line.ys, line.x0, x0, x1, across, down)
    return Baseline(x0, ys, line.above * down, line.below * down, line.sure)


def _pieces(maps: LineMaps) -> list[_Piece]:
    """Connected crests, cut at line ends and where they jump."""
    level = np.asarray(cv2.GaussianBlur(maps.baseline, (5, 3), 0), np.float32)
    likely = (level > _LOW) & (maps.ends < np.maximum(_END, maps.baseline))
    _, patches = cv2.connectedComponents(likely.astype(np.uint8), connectivity=8)
    xs, ys, which = crest_pixels(crests_of(level) & likely, level)
    cuts = np.flatnonzero((np.diff(which) != 0) | (np.diff(xs) != 1) | (np.abs(np.diff(ys)) > 2)) + 1
    pieces = []
    for a, b in pairwise([0, *cuts.tolist(), len(xs)]):
        if b - a < 3:
            continue
        x, y = xs[a:b], ys[a:b]
        above, below = (
            float(np.median(m[np.minimum(y // 2, m.shape[0] - 1), np.minimum(x // 2, m.shape[1] - 1)])) / 2
            for m in (maps.above, maps.below)
        )
        pieces.append(
            _Piece(
                int(x[0]), _between_rows(maps.baseline, x, y), level[y, x].astype(np.float64), above, below,
                int(patches[y[0], x[0]]),
            )
        )  # fmt: skip
    return pieces


def _between_rows(likely: Floats, x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where between rows the crest lies: the centre of weight of the rows that a baseline's mark takes."""
    offsets = np.arange(-3, 4)[:, None]
    rows = likely[np.clip(y + offsets, 0, likely.shape[0] - 1), x].astype(np.float64)
    return np.asarray(y + (rows * offsets).sum(axis=0) / np.maximum(rows.sum(axis=0), 1e-9))


def _linked(pieces: list[_Piece], maps: LineMaps) -> list[_Piece]:
    """Join pieces end to start, nearest first, where the one continues the other and no line ends between."""
    bridges = []
    x0s = np.array([p.x0 for p in pieces])
    for i, left in enumerate(pieces):
        reach = max(left.height, 6.0)
        near = np.flatnonzero((x0s > left.x1 - reach) & (x0s > left.x0) & (x0s - left.x1 < _GAP * reach))
        for j in near.tolist():
            right = pieces[j]
            if i == j or right.x1 <= left.x1:
                continue
            one = left.patch == right.patch
            miss = _miss(left, right)
            if miss > (_BEND if one else _STEP) * max(left.height, right.height) + 1:
                continue
            if not one and _ends_between(left, right, maps.ends):
                continue
            bridges.append((abs(right.x0 - left.x1) + 2 * miss - (reach if one else 0), i, j))
    return [_joined([pieces[i] for i in chain]) for chain in chains(bridges, len(pieces))]


def _miss(left: _Piece, right: _Piece) -> float:
    """By how much `right` misses the continuation of `left` in y: over the columns they share, or by slope or by level."""
    shared = left.x1 - right.x0
    if shared > 0:
        return (
            float(np.abs(left.ys[-shared:] - right.ys[:shared]).mean()) if shared < len(right.ys) else np.inf
        )
    reach = max(3, round(left.height))
    a, b = left.ys[-reach:], right.ys[:reach]
    slope = 0.5 * ((a[-1] - a[0]) / max(len(a) - 1, 1) + (b[-1] - b[0]) / max(len(b) - 1, 1))
    straight = abs(float(a[-1]) + float(np.clip(slope, -0.3, 0.3)) * (1 - shared) - float(b[0]))
    return min(straight, abs(float(np.median(a)) - float(np.median(b))))


def _ends_between(left: _Piece, right: _Piece, ends: Floats) -> bool:
    """Whether an end mark stands across the way from one piece to the next."""
    a, b = max(left.x1 - 2, 0), min(right.x0 + 2, ends.shape[1])
    y0, y1 = sorted((float(left.ys[-1]), float(right.ys[0])))
    rows = slice(max(0, round(y0 - 0.2 * left.above)), round(y1 + 0.2 * left.below) + 1)
    way = ends[rows, a:b]
    return bool(way.size and way.max(axis=1).min() > _END)


def _joined(chain: list[_Piece]) -> _Piece:
    if len(chain) == 1:
        return chain[0]
    xs = np.concatenate([np.arange(p.x0, p.x1) for p in chain])
    ys, strength = (np.concatenate([getattr(p, n) for p in chain]) for n in ("ys", "strength"))
    unique, first = np.unique(xs, return_index=True)
    columns = np.arange(unique[0], unique[-1] + 1)
    lengths = np.array([len(p.ys) for p in chain], float)
    above, below = (
        float(np.average([getattr(p, n) for p in chain], weights=lengths)) for n in ("above", "below")
    )
    return _Piece(
        int(unique[0]), np.interp(columns, unique, ys[first]), np.interp(columns, unique, strength[first]),
        above, below, chain[0].patch,
    )  # fmt: skip


def _apart(pieces: list[_Piece]) -> list[_Piece]:
    """Without pieces that run within a small part of a line's height of a surer one, or branch off it for a little way."""
    kept: list[_Piece] = []
    for piece in sorted(pieces, key=lambda p: float(p.strength.sum()), reverse=True):
        if not _runs_along(piece, kept, branches=True):
            kept.append(piece)
    return kept


def _runs_along(piece: _Piece, others: list[_Piece], *, branches: bool = False) -> bool:
    """Whether a piece runs within a small part of a line's height of another one, or, if asked, branches off it."""
    for other in others:
        shared, apart = distance(piece, other)
        if shared < 0.5 * len(piece.ys):
            continue
        height = min(piece.height, other.height)
        branch = branches and piece.patch == other.patch and len(piece.ys) < _BRANCH * height
        if apart < (0.6 if branch else 0.2) * height:
            return True
    return False


def _enlarged(piece: _Piece, width: int) -> Baseline:
    """From pixels of 1/2 to working pixels, smoothed over about half a height, its ends as far as the marks hid them."""
    reach = min(max(1, round(0.35 * piece.height)), (len(piece.ys) - 1) // 2)
    x0, x1 = max(0, 2 * (piece.x0 - _MARGIN)), min(width, 2 * (piece.x1 + _MARGIN))
    ys = enlarged_ys(smoothed(piece.ys, reach), piece.x0, x0, x1, 2, 2)
    return Baseline(x0, ys, 2 * piece.above, 2 * piece.below, float(piece.strength.mean()))
