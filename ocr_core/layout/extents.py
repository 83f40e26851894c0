"""How far the writing of a line reaches above and below its baseline, and what is usual on its page.

Points are float ``[n, 2]``, (x, y) in pixels, y downwards. A line's *ascent* and *descent* are distances in pixels from its
baseline, measured perpendicular to it, up and down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

MARGIN_ABOVE = 1.15
"""The strip reaches this many ascents above the baseline …"""
MARGIN_BELOW = 1.25
"""… and this many descents below it."""

_DESCENT_OF_ASCENT = (0.35, 0.8)
"""A descent outside this share of the ascent is an accident of the outline, and is brought back into it."""
_STRIP = 0.35
"""An outline lower than this share of the page's usual one says nothing about the height of the writing …"""
_THIN = 0.6
"""… nor does one lower than this that has no descent."""
_TALL = 1.7
"""An outline higher than this share of the page's usual one holds more than its line."""
_FOOT = 0.7
"""Share of an outline's height above the baseline, for lines that have none. Measured on three corpora without theirs."""
_INTERLINE_ASCENT = 0.62
"""The ascent as a share of the distance between lines, for pages whose outlines say nothing."""


@dataclass(frozen=True, slots=True)
class Extents:
    """How far a line's writing reaches from its baseline, in pixels, both positive."""

    ascent: float
    descent: float

    @property
    def height(self) -> float:
        """Height in pixels of the strip that is cut for a line of these."""
        return self.ascent * MARGIN_ABOVE + self.descent * MARGIN_BELOW


def line_extents(baseline: Points, polygon: Points, *, turn: bool = True) -> Extents:
    """Ascent and descent of an outline: the 80th percentile over the length of the line of its reach on each side.

    Args:
        baseline: float ``[n, 2]``, n >= 2.
        polygon: float ``[m, 2]``, m >= 3.
        turn: take the baseline as running from left to right whichever way it is given (see `crops.rectify_line`).
    """
    base, poly = _upright(left_to_right(baseline) if turn else baseline, polygon)
    order = np.argsort(base[:, 0], kind="stable")
    low, high = float(base[:, 0].min()), float(base[:, 0].max())
    dense = _densify(poly, max(2.0, (high - low) / 200))
    dense[:, 1] -= np.interp(dense[:, 0], base[order, 0], base[order, 1])
    _, top, bottom = _edges(dense, low, high)
    ascent = float(np.percentile(-top, 80))
    descent = float(np.percentile(bottom, 80))
    return Extents(max(ascent, 1.0), max(descent, 0.0))


def guessed_baseline(polygon: Points) -> Points:
    """The baseline of a line that has only an outline: straight, through `_FOOT` of its height, from left to right.

    Args:
        polygon: float ``[m, 2]``, m >= 1.

    Returns:
        float ``[2, 2]``, its points at least 2 pixels apart.
    """
    low = float(polygon[:, 0].min())
    high = max(float(polygon[:, 0].max()), low + 2)
    x, top, bottom = _edges(_densify(polygon, max(1.0, (high - low) / 200)), low, high)
    y = top + _FOOT * (bottom - top)
    aside = x - x.mean()
    slope = float(aside @ y) / max(float(aside @ aside), 1e-9)
    ends = np.array([low, high])
    return np.column_stack([ends, y.mean() + slope * (ends - x.mean())])


def _edges(dense: Points, low: float, high: float) -> tuple[Points, Points, Points]:
    """The upper and lower edge of an outline, in 40 equal columns from x = `low` to `high`.

    Args:
        dense: points close to one another along the outline; those beyond the ends count in the outermost columns.

    Returns:
        x of the middle, least and greatest y of each column that has points, float ``[up to 40]``.
    """
    bins = 40
    column = np.clip(((dense[:, 0] - low) / max(high - low, 1e-6) * bins).astype(int), 0, bins - 1)
    top, bottom = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(top, column, dense[:, 1])
    np.maximum.at(bottom, column, dense[:, 1])
    held = np.isfinite(top)
    middle = low + (np.arange(bins) + 0.5) * (high - low) / bins
    return middle[held], top[held], bottom[held]


def page_extents(lines: Sequence[tuple[Points, Points | None]], fallback: float = 64.0) -> Extents:
    """The usual extents of the lines of a page, for lines whose own outline is missing, thin or holds two lines.

    Outlines lower than half the distance between neighbouring baselines are not counted; where none counts, the
    distance itself gives the extents, and on a page of one line ``fallback`` is the ascent in pixels.
    """
    own = [line_extents(b, p) for b, p in lines if p is not None and len(p) >= 3 and len(b) >= 2]
    return usual_extents(own, [b for b, _ in lines if len(b) >= 2], fallback)


def usual_extents(own: Sequence[Extents], baselines: Sequence[Points], fallback: float = 64.0) -> Extents:
    """:func:`page_extents` of lines whose extents are known."""
    gap = _interline(baselines)
    floor = 0.5 * gap if gap else 0.0
    fair = [e for e in own if e.ascent + e.descent >= floor and (not gap or e.ascent <= 1.6 * gap)]
    if fair and len(fair) >= 0.3 * len(own):
        ascent = float(np.median([e.ascent for e in fair]))
        descent = float(np.median([e.descent for e in fair]))
    else:
        ascent = gap * _INTERLINE_ASCENT if gap else fallback
        descent = 0.45 * ascent
    return _settled(ascent, descent)


def fit_extents(own: Extents | None, usual: Extents | None) -> Extents:
    """A line's own extents, unless they are too unlike the page's usual ones to be believed."""
    if own is None:
        if usual is None:
            raise ValueError("a line without an outline needs the usual extents of its page")
        return usual
    if usual is None:
        return _settled(own.ascent, own.descent)
    ratio = (own.ascent + own.descent) / (usual.ascent + usual.descent)
    if ratio < _STRIP or (ratio < _THIN and own.descent < 0.15 * own.ascent):
        return usual
    own = _settled(own.ascent, own.descent)
    # A date in small letters is lower than its page, and a tight outline only looks so: half way to the usual height.
    scale = ratio**-0.5 if ratio < 1 else min(1.0, _TALL / ratio)
    return Extents(own.ascent * scale, own.descent * scale)


def _settled(ascent: float, descent: float) -> Extents:
    low, high = _DESCENT_OF_ASCENT
    return Extents(ascent, float(np.clip(descent, low * ascent, high * ascent)))


def distinct(baseline: Points) -> Points:
    """The baseline without repeated points."""
    if baseline.ndim != 2 or len(baseline) < 2:
        raise ValueError("a baseline needs at least two points")
    keep = np.ones(len(baseline), dtype=bool)
    keep[1:] = np.any(np.diff(baseline, axis=0) != 0, axis=1)
    if keep.sum() < 2:
        raise ValueError("a baseline needs at least two different points")
    return baseline[keep]


def left_to_right(baseline: Points) -> Points:
    dx, dy = baseline[-1] - baseline[0]
    return baseline[::-1] if abs(dx) >= abs(dy) and dx < 0 else baseline


def _upright(baseline: Points, polygon: Points) -> tuple[Points, Points]:
    """Both turned so that the chord of the baseline is level."""
    base = distinct(np.asarray(baseline, dtype=np.float64))
    dx, dy = base[-1] - base[0]
    length = float(np.hypot(dx, dy)) or 1.0
    turn = np.array([[dx, -dy], [dy, dx]]) / length
    return (base - base[0]) @ turn, (np.asarray(polygon, dtype=np.float64) - base[0]) @ turn


def _densify(polygon: Points, step: float) -> Points:
    closed = np.vstack([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.arange(0.0, max(along[-1], step), step)
    return np.column_stack([np.interp(at, along, closed[:, 0]), np.interp(at, along, closed[:, 1])])


def _interline(baselines: Sequence[Points]) -> float | None:
    """The usual distance between a baseline and the next one below that runs beside it; None with fewer than 4 lines."""
    gaps = []
    spans = [(b[:, 0].min(), b[:, 0].max(), float(b[:, 1].mean())) for b in _level(baselines)]
    for left, right, y in spans:
        below = [
            other - y
            for l2, r2, other in spans
            if other > y + 4 and min(right, r2) - max(left, l2) > 0.3 * min(right - left, r2 - l2)
        ]
        if below:
            gaps.append(min(below))
    return float(np.median(gaps)) if len(gaps) >= 3 else None


def _level(baselines: Sequence[Points]) -> list[Points]:
    """Baselines turned so that they are level on the whole; a page that lies on its side has upright ones."""
    chords = np.array([b[-1] - b[0] for b in baselines], dtype=np.float64).reshape(-1, 2)
    if not len(chords):
        return []
    longest = chords[np.argmax((chords**2).sum(axis=1))]
    dx, dy = (chords * np.where(chords @ longest < 0, -1.0, 1.0)[:, None]).sum(axis=0)
    turn = np.array([[dx, -dy], [dy, dx]]) / max(float(np.hypot(dx, dy)), 1e-9)
    return [np.asarray(b, dtype=np.float64) @ turn for b in baselines]
