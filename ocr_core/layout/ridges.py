"""Where lines of writing run: ridges of the blurred strokes, linked across gaps.

After Bukhari, Shafait and Breuel (2009, "Script-independent handwritten textlines segmentation using active contours";
2011, ridges of a bank of anisotropic Gaussians): blurred much further along the line than across it, the strokes
of a line run together into a ridge that follows its bends. Strokes, rather than ink, are blurred, so that ascenders,
descenders, underlines and rules weigh little.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.crests import Course, chains, crest_pixels, crests_of, distance, enlarged_ys, smoothed

_MAP_PITCH = 20.0
"""Pixels from line to line on the small map in which ridges are sought."""


@dataclass(frozen=True, slots=True)
class Ridge(Course):
    """The middle of a line's small letters, in working pixels.

    Attributes:
        strength: mean height of the ridge; comparable within a page.
        pitch: the usual distance between lines of its size, in working pixels.
    """

    strength: float
    pitch: float = 0.0


def find_ridges(
    strokes: NDArray[np.float32], mask: NDArray[np.uint8], pitch: float, *, across: float, floor: float = 0.0
) -> tuple[list[Ridge], float]:
    """The ridges of writing of one size, linked into lines, in no order; and the usual height of their crests.

    Args:
        strokes: float32 [h, w] as in :class:`~ocr_core.layout.ink.Ink`, zero where there is writing of another size.
        mask: uint8 [h, w], 1 on all ink of the page.
        pitch: distance between lines in working pixels.
        across: standard deviation of the blur across lines, in working pixels.
        floor: crests are taken to be usually at least this high.
    """
    shrink = min(1.0, _MAP_PITCH / pitch)
    height, width = strokes.shape
    size = (max(8, round(width * shrink)), max(8, round(height * shrink)))
    small = np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA), np.float32)
    fx, fy = width / size[0], height / size[1]
    unit = pitch / fy
    sigma = max(0.8, across / fy)
    curve = _curvature(small, 0.75 * unit, sigma)
    crest = crests_of(curve)
    if not crest.any():
        return [], floor
    usual = max(floor, float(np.percentile(curve[crest], 90)))
    crest &= curve > 0.12 * usual
    pieces = _chains(crest, curve, unit)
    pieces = [p for p in pieces if len(p.ys) >= 0.5 * unit and p.strength > 0.2 * usual]
    pieces = _without_shadows(pieces, unit)
    linked = _link(pieces, _corridors(mask, pitch, size), unit)
    linked = _without_shadows(linked, unit)
    linked = [r for r in linked if len(r.ys) >= 0.7 * unit and r.strength > 0.25 * usual]
    return [_enlarged(r, fx, fy, width, pitch) for r in linked], usual


def with_stacked(ridges: list[Ridge], others: list[Ridge]) -> list[Ridge]:
    """`ridges`, and those of `others` (of another size) that stack up as lines of a block do.

    Where two such lines lie, a ridge of the main size that runs among them is only their sum, and goes.
    """
    long = [r for r in others if len(r.ys) >= 3 * r.pitch]
    stacked = [r for r in long if any(s is not r and 0.5 < _apart(r, s) / r.pitch < 1.7 for s in long)]
    kept = [r for r in ridges if _shared(r, stacked) < 1.2 * len(r.ys)]
    return kept + [r for r in stacked if all(_apart(r, k) > 0.5 * r.pitch for k in kept)]


def _shared(ridge: Ridge, others: list[Ridge]) -> int:
    """Columns of `ridge` that lie within most of a pitch of `others`; a column counts for each of them."""
    near = [s for s in others if _apart(s, ridge) < 0.8 * s.pitch]
    return sum(min(ridge.x1, s.x1) - max(ridge.x0, s.x0) for s in near)


def _apart(a: Ridge, b: Ridge) -> float:
    """Mean distance in y over the columns two ridges share; infinite where `a` shares less than a third of its own."""
    x0, x1 = max(a.x0, b.x0), min(a.x1, b.x1)
    if x1 - x0 < 0.33 * len(a.ys):
        return float("inf")
    return float(np.abs(a.ys[x0 - a.x0 : x1 - a.x0] - b.ys[x0 - b.x0 : x1 - b.x0]).mean())


def _curvature(strokes: NDArray[np.float32], along: float, across: float) -> NDArray[np.float32]:
    """How sharply the strokes, blurred along the line, fall off above and below: [h, w], 0 where they do not.

    A bank of slopes was tried and made crests cross: pages come straight, and linking follows what slope is left.
    """
    blurred = cv2.GaussianBlur(strokes, (0, 0), sigmaX=along, sigmaY=across, borderType=cv2.BORDER_CONSTANT)
    curve = np.zeros_like(blurred)
    curve[1:-1] = 2 * blurred[1:-1] - blurred[:-2] - blurred[2:]
    return np.maximum(curve, 0) * np.float32(across**2)


def _chains(crest: NDArray[np.bool_], curve: NDArray[np.float32], unit: float) -> list[Ridge]:
    """Connected crest pixels as functions of x; where a chain forks, the stronger branch counts."""
    xs, ys, which = crest_pixels(crest, curve)
    chains = []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(which)) + 1, [len(which)]])
    for a, b in pairwise(starts):
        x, y = xs[a:b], ys[a:b].astype(np.float64)
        # A jump between two columns means a fork that crosses from line to line: cut there.
        cuts = np.concatenate(
            [[0], np.flatnonzero((np.abs(np.diff(y)) > 0.2 * unit) | (np.diff(x) > 1)) + 1, [len(x)]]
        )
        for c, d in pairwise(cuts):
            if d - c >= 2:
                strength = float(curve[ys[a + c : a + d], x[c:d]].mean())
                chains.append(Ridge(int(x[c]), y[c:d], strength))
    return chains


def _without_shadows(pieces: list[Ridge], unit: float) -> list[Ridge]:
    """Drop weak ridges that run close beside a stronger one: rows of ascenders, underlines, strike-outs."""
    kept: list[Ridge] = []
    for piece in sorted(pieces, key=lambda r: r.strength * len(r.ys), reverse=True):
        for other in kept:
            shared, apart = distance(piece, other)
            if shared < 0.6 * len(piece.ys):
                continue
            if apart < 0.35 * unit or (apart < 0.6 * unit and piece.strength < 0.55 * other.strength):
                break
        else:
            kept.append(piece)
    return kept


def _corridors(mask: NDArray[np.uint8], pitch: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """White upright corridors between columns of text, on the small map: bool [h, w].

    A corridor is as wide as most of a line's pitch and at least five lines long.
    """
    covered = cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    white = (covered < 12).astype(np.uint8)
    unit = pitch * size[1] / mask.shape[0]
    kernel = np.ones((max(3, round(5 * unit)), max(3, round(0.8 * unit))), np.uint8)
    return np.asarray(cv2.morphologyEx(white, cv2.MORPH_OPEN, kernel, borderValue=0) > 0)


def _link(pieces: list[Ridge], corridors: NDArray[np.bool_], unit: float) -> list[Ridge]:
    """Join pieces end to start, cheapest first, where the one continues the other and no column gap lies between."""
    bridges = []
    for i, left in enumerate(pieces):
        for j, right in enumerate(pieces):
            gap = right.x0 - left.x1
            if i == j or right.x1 <= left.x1 or right.x0 <= left.x0 or gap > 5.0 * unit:
                continue
            if gap < -0.7 * min(len(left.ys), len(right.ys)):
                continue
            if abs(left.ys[-1] - right.ys[0]) > 3.0 * unit:  # another line: spares most pairs the measuring
                continue
            step = _step(left, right, unit)
            if step > (0.35 + 0.05 * max(gap, 0) / unit) * unit:
                continue
            y = round((left.ys[-1] + right.ys[0]) / 2)
            a, b = sorted((left.x1, right.x0))
            if gap > 0.5 * unit and corridors[min(max(y, 0), corridors.shape[0] - 1), a:b].any():
                continue
            bridges.append((step / unit + 0.12 * abs(gap) / unit, i, j))
    return [_joined([pieces[i] for i in chain]) for chain in chains(bridges, len(pieces))]


def _step(left: Ridge, right: Ridge, unit: float) -> float:
    """By how much `right` misses the continuation of `left`: the smaller of the level and the straight continuation."""
    shared = left.x1 - right.x0
    if shared >= 2:
        return float(np.abs(left.ys[-shared:] - right.ys[:shared]).mean())
    reach = max(2, round(1.5 * unit))
    a, b = left.ys[-reach:], right.ys[:reach]
    level = abs(float(np.median(a)) - float(np.median(b)))
    ends = abs(float(left.ys[-1]) - float(right.ys[0]))
    gap = right.x0 - left.x1
    slope = ((a[-1] - a[0]) / max(len(a) - 1, 1) + (b[-1] - b[0]) / max(len(b) - 1, 1)) / 2
    straight = abs(float(a[-1] + np.clip(slope, -0.2, 0.2) * gap - b[0]))
    return min(max(level * 0.8, 0.0), ends, straight)


def _joined(chain: list[Ridge]) -> Ridge:
    xs = np.concatenate([np.arange(r.x0, r.x1) for r in chain])
    ys = np.concatenate([r.ys for r in chain])
    length = sum(len(r.ys) for r in chain)
    strength = sum(r.strength * len(r.ys) for r in chain) / length
    unique, where, times = np.unique(xs, return_inverse=True, return_counts=True)
    columns = np.arange(unique[0], unique[-1] + 1)
    return Ridge(int(unique[0]), np.interp(columns, unique, np.bincount(where, ys) / times), strength)


def _enlarged(ridge: Ridge, fx: float, fy: float, width: int, pitch: float) -> Ridge:
    """From the small map to working pixels, smoothed over about a pitch."""
    x0 = max(0, round(ridge.x0 * fx))
    x1 = min(width, max(x0 + 2, round(ridge.x1 * fx)))
    reach = max(1, len(ridge.ys) // 2 if len(ridge.ys) < 24 else 12)
    ys = enlarged_ys(smoothed(ridge.ys, reach), ridge.x0, x0, x1, fx, fy)
    return Ridge(x0, ys, ridge.strength, pitch)
