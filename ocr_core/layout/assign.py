"""Which ink belongs to which line.

A component that meets the core of one line belongs to it whole; one that meets several is cut half-way between them;
one that meets none (dots, accents, commas) goes to the nearest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.ink import Ink
from ocr_core.layout.ridges import Ridge

_CORE = 0.2
"""Ink within this share of the pitch around a ridge certainly belongs to it."""
_REACH_UP, _REACH_DOWN = 1.0, 0.9
"""No line reaches further than these shares of its pitch from its ridge."""
_BESIDE = 0.9
"""Ink up to this share of the pitch beyond the ends of a ridge still belongs to it …"""
_FAR_BESIDE, _FAR_LEVEL = 1.8, 0.4
"""… and up to this one, where it is level with the ridge and nobody else's."""


def assign_ink(ink: Ink, ridges: list[Ridge]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The ink pixels of a page and their lines.

    Returns:
        xs, ys: [n] ink pixels; line: [n] index into `ridges`, -1 where none is near.
    """
    ys, xs = np.nonzero(ink.mask)
    if not ridges or not len(xs):
        return xs, ys, np.full(len(xs), -1)
    width = ink.mask.shape[1]
    nearest, offset = _nearest(ridges, width, xs, ys, _BESIDE, _REACH_UP)
    free = np.flatnonzero(nearest < 0)
    nearest[free], offset[free] = _nearest(ridges, width, xs[free], ys[free], _FAR_BESIDE, _FAR_LEVEL)
    component = ink.labels[ys, xs]
    count, lines = len(ink.stats), len(ridges)
    core = (nearest >= 0) & (np.abs(offset) <= _CORE)
    meets = np.zeros((count, lines), bool)
    meets[component[core], nearest[core]] = True
    whole = np.where(meets.sum(axis=1) == 1, meets.argmax(axis=1), -1)
    # Components that touch no core go undivided to the line that holds most of them.
    untouched = meets.sum(axis=1) == 0
    loose = untouched[component] & (nearest >= 0)
    pairs, sizes = np.unique(component[loose] * lines + nearest[loose], return_counts=True)
    for pair in pairs[np.argsort(sizes)]:
        whole[pair // lines] = pair % lines
    decided = whole[component]
    owner = np.where(decided >= 0, decided, nearest)
    height = _heights(ridges, owner, xs, ys)
    inside = (owner >= 0) & (height >= -_REACH_UP) & (height <= _REACH_DOWN)
    return xs, ys, np.where(inside, owner, np.where(np.abs(offset) < 0.6, nearest, -1))


def core_ink(ink: Ink, ridge: Ridge) -> NDArray[np.int32]:
    """The component of each ink pixel that certainly belongs to a line, were it alone on the page: [n]."""
    height, width = ink.mask.shape
    columns = np.arange(max(0, ridge.x0), min(width, ridge.x1))
    reach = round(_CORE * ridge.pitch)
    rows = np.rint(ridge.ys[columns - ridge.x0]).astype(int) + np.arange(-reach, reach + 1)[:, None]
    labels = np.where((rows >= 0) & (rows < height), ink.labels[rows.clip(0, height - 1), columns], 0)
    return labels[labels > 0]


def _nearest(
    ridges: list[Ridge], width: int, xs: NDArray[np.intp], ys: NDArray[np.intp], beside: float, reach: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each pixel the line nearest above or below, and how far below its ridge, in pitches; -1, inf beyond reach."""
    centres = np.full((len(ridges), width), np.inf)
    for i, ridge in enumerate(ridges):
        margin = round(beside * ridge.pitch)
        a, b = max(0, ridge.x0 - margin), min(width, ridge.x1 + margin)
        centres[i, a:b] = ridge.ys[np.clip(np.arange(a, b) - ridge.x0, 0, len(ridge.ys) - 1)]
    pitches = np.array([r.pitch for r in ridges])
    order = np.argsort(centres, axis=0, kind="stable")
    ranked = np.take_along_axis(centres, order, axis=0)
    nearest = np.full(len(xs), -1)
    signed = np.full(len(xs), np.inf)
    for k in range(int(np.isfinite(ranked).any(axis=1).sum())):
        line = order[k, xs]
        gap = (ys - ranked[k, xs]) / pitches[line]
        closer = np.abs(gap) < np.minimum(np.abs(signed), reach)
        nearest[closer], signed[closer] = line[closer], gap[closer]
    return nearest, signed


def _heights(
    ridges: list[Ridge], owner: NDArray[np.intp], xs: NDArray[np.intp], ys: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How far below the owner's ridge each pixel lies, in the owner's pitches, [n]; 0 where nobody owns it."""
    starts = np.array([r.x0 for r in ridges])
    lengths = np.array([len(r.ys) for r in ridges])
    pitches = np.array([r.pitch for r in ridges])
    flat = np.concatenate([r.ys for r in ridges])
    base = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    safe = np.maximum(owner, 0)
    column = np.clip(xs - starts[safe], 0, lengths[safe] - 1)
    return np.where(owner >= 0, (ys - flat[base[safe] + column]) / pitches[safe], 0.0)
