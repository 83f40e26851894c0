"""From the ink of a line to its baseline and its polygon, in working pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.ridges import Ridge

Points = NDArray[np.float64]

_BESIDE, _ABOVE, _BELOW = 0.08, 0.08, 0.05
"""Polygons keep these shares of the pitch away from the ink, as those that people draw do."""
_GROUP_GAP = 0.7
"""Ink further apart than this share of the pitch is not of one word."""

_LEAST_INK = 12
"""Fewer ink pixels are no writing, whatever runs there."""


def outline(
    ridge: Ridge,
    xs: NDArray[np.intp],
    ys: NDArray[np.intp],
    strokes: NDArray[np.float32],
    below: float | None = None,
) -> tuple[Points, Points] | None:
    """Polygon and baseline of a line.

    Args:
        xs, ys: [n] the line's ink pixels.
        strokes: [n] stroke strength at these pixels.
        below: how far below the ridge the baseline lies, where it is known; else the strokes tell.

    Returns:
        polygon [m, 2], clockwise from the top left; baseline [k, 2], left to right. None where too little is written.
    """
    if len(xs) < _LEAST_INK:
        return None
    pitch = ridge.pitch
    keep = _together(xs, ys, pitch)
    xs, ys, strokes = xs[keep], ys[keep], strokes[keep]
    x0, x1 = int(xs.min()), int(xs.max()) + 1
    if x1 - x0 < 0.3 * pitch:
        return None
    columns = np.arange(x0, x1)
    centre = ridge.ys[np.clip(columns - ridge.x0, 0, len(ridge.ys) - 1)]
    if below is None:
        feet = centre + _feet(xs - x0, ys - centre[xs - x0], strokes, x1 - x0, pitch)
    else:
        feet = centre + below
    top, bottom, at = _envelope(xs, ys, feet, x0, x1, pitch)
    knots = np.unique(np.concatenate([np.arange(x0, x1 - 1, max(2, round(0.4 * pitch))), [x1 - 1]]))
    baseline = np.stack([knots, feet[knots - x0]], axis=1).astype(np.float64)
    left, right = max(0.0, x0 - _BESIDE * pitch), x1 - 1 + _BESIDE * pitch
    at = np.concatenate([[left], at, [right]])
    top = np.concatenate([top[:1], top, top[-1:]]) - _ABOVE * pitch
    bottom = np.concatenate([bottom[:1], bottom, bottom[-1:]]) + _BELOW * pitch
    polygon = np.concatenate([np.stack([at, top], axis=1), np.stack([at, bottom], axis=1)[::-1]])
    return polygon, baseline


def _together(xs: NDArray[np.intp], ys: NDArray[np.intp], pitch: float) -> NDArray[np.bool_]:
    """Which ink stays when stray marks beyond the ends of the line are left out: bool [n].

    Ink is grouped by gaps of most of a pitch. Coming from either end, groups go that lie apart and are too narrow or too
    light for a word; between words such a group is one itself: a dash, an "a".
    """
    origin = int(xs.min())
    columns = np.bincount(xs - origin)
    filled = np.flatnonzero(columns)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(filled) > _GROUP_GAP * pitch) + 1, [len(filled)]])
    groups = [(int(filled[a]), int(filled[b - 1])) for a, b in pairwise(starts)]
    mass = [int(columns[a : b + 1].sum()) for a, b in groups]
    heaviest = int(np.argmax(mass))

    def stray(index: int, gap: float) -> bool:
        a, b = groups[index]
        narrow = b - a + 1 < 0.3 * pitch
        light = mass[index] < 0.02 * mass[heaviest]
        return (narrow and gap > _GROUP_GAP * pitch) or (light and gap > 1.5 * pitch)

    low, high = 0, len(groups) - 1
    while low < heaviest and stray(low, groups[low + 1][0] - groups[low][1]):
        low += 1
    while high > heaviest and stray(high, groups[high][0] - groups[high - 1][1]):
        high -= 1
    return np.asarray((xs - origin >= groups[low][0]) & (xs - origin <= groups[high][1]))


def _feet(
    columns: NDArray[np.intp],
    height: NDArray[np.float64],
    strokes: NDArray[np.float32],
    width: int,
    pitch: float,
) -> NDArray[np.float64]:
    """How far below the ridge small letters stand, for each column: float64 [width].

    In windows of three pitches the stroke profile across the line falls from its peak to half of it at the feet of small
    letters. Windows are smoothed, and the whole line's answer stands in for poor ones.
    """
    whole = _half_fall(height, strokes, pitch)
    window = 3.0 * pitch
    count = max(1, round(width / (0.75 * window)))
    if count < 3:
        return np.full(width, whole)
    middles = (np.arange(count) + 0.5) * width / count
    feet = np.empty(count)
    for i, middle in enumerate(middles):
        near = np.abs(columns - middle) < window / 2
        feet[i] = _half_fall(height[near], strokes[near], pitch, default=whole)
    feet = np.clip(feet, whole - 0.12 * pitch, whole + 0.12 * pitch)
    feet = np.convolve(np.pad(feet, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return np.asarray(np.interp(np.arange(width), middles, feet))


def _half_fall(
    height: NDArray[np.float64], strokes: NDArray[np.float32], pitch: float, *, default: float | None = None
) -> float:
    """Where the stroke profile below its peak has fallen to half, in pixels below the ridge."""
    fallback = 0.15 * pitch if default is None else default
    reach = 0.6 * pitch
    step = max(0.5, pitch / 40)
    near = np.abs(height) < reach
    if near.sum() < 20:
        return fallback
    profile, edges = np.histogram(
        height[near], bins=int(2 * reach / step), range=(-reach, reach), weights=strokes[near]
    )
    kernel = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    profile = np.convolve(profile, kernel, mode="same")
    middle = (edges[:-1] + edges[1:]) / 2
    core = np.flatnonzero(np.abs(middle) < 0.25 * pitch)
    peak = core[int(np.argmax(profile[core]))]
    level = np.sort(profile[core])[-max(1, len(core) // 4) :].mean()
    below = np.flatnonzero(profile[peak:] < 0.5 * level)
    if not len(below):
        return fallback
    return float(np.clip(middle[peak + below[0]], 0.0, 0.45 * pitch))


def _envelope(
    xs: NDArray[np.intp], ys: NDArray[np.intp], feet: NDArray[np.float64], x0: int, x1: int, pitch: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Top and bottom of the ink in overlapping windows, and the windows' middles: float64 [m] each.

    Where a window is empty, or its ink low, the small letters' usual height stands in, so that no waist forms.
    """
    step = max(2, round(0.35 * pitch))
    bins = (x1 - x0 - 1) // step + 1
    which = (xs - x0) // step
    top, bottom = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(top, which, ys)
    np.maximum.at(bottom, which, ys)
    at = np.minimum(x0 + (np.arange(bins) + 0.5) * step, x1 - 1)
    base = feet[np.clip((at - x0).astype(int), 0, len(feet) - 1)]
    top = np.minimum(top, base - 0.35 * pitch)
    bottom = np.maximum(bottom, base + 0.05 * pitch)
    return top, bottom, at
