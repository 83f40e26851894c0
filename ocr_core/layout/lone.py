"""Isolated glyphs: letters and digits that stand alone, in cells or columns, where no line of writing runs.

A network that was taught lines passes them over, or takes a row of cells for a line.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.masks import components, drawn_boxes
from ocr_core.layout.ink import Ink
from ocr_core.layout.outline import Points

_CLOSE = 0.35
"""Marks nearer than this share of the letters' height belong to one glyph, …"""
_CLEAR = 1.1
"""… and this much around it is free of other ink, the sides of a cell left out."""
_SIDES = (0.45, 2.2)
"""The longer side of a glyph in heights of letters."""
_PARTS = 4
_GRID, _HOLLOW = 2.5, 0.12
"""Cells that hang together are longer than this, in heights of letters, and fill less of their box."""
_ALIGNED = 0.5
"""Heights of letters that the middles of glyphs in a row or column are off at most."""
_LEAST = 6
"""So many on a page make it a form; fewer may as well be stains. At most 3 on 102 pages of letters, books and samples."""
_NOTHING_ELSE, _ROW = 0.95, 2
"""A line with this share of its ink in isolated glyphs, and so many of them, is a row of cells."""


def standing_apart(
    ink: Ink, xs: NDArray[np.intp], ys: NDArray[np.intp], owner: NDArray[np.intp]
) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
    """The isolated glyphs of a form that are in no line, and those of "lines" that hold nothing but such glyphs.

    Args:
        xs, ys, owner: ink pixels and the line each belongs to, -1 for none, as :func:`~ocr_core.layout.assign.assign_ink`
            gives them.

    Returns:
        the components of each, indices into `ink.stats`, and those lines; nothing where there are too few for a form.
    """
    nothing: tuple[list[NDArray[np.intp]], NDArray[np.intp]] = ([], np.zeros(0, np.intp))
    frames, letter = _frames(ink)
    glyphs = lone_glyphs(ink, frames, letter)
    if len(glyphs) < _LEAST:
        return nothing
    glyph_of = np.full(len(ink.stats), -1)
    for number, parts in enumerate(glyphs):
        glyph_of[parts] = number
    which = glyph_of[ink.labels[ys, xs]]
    in_line, in_glyph = (owner >= 0) & ~frames[ink.labels[ys, xs]], which >= 0
    lines = int(owner.max(initial=-1)) + 1
    share = np.bincount(owner[in_line], which[in_line] >= 0, lines) / np.bincount(
        owner[in_line], minlength=lines
    ).clip(1)
    both = in_line & in_glyph
    count = np.bincount(np.unique(owner[both] * len(glyphs) + which[both]) // len(glyphs), minlength=lines)
    is_row = (share >= _NOTHING_ELSE) & (count >= _ROW)
    in_row = np.append(is_row, False)[owner]  # the last place is that of no line
    free = _in_rows(ink, glyphs, letter)
    free[which[both & in_row]] = True
    free[which[both & ~in_row]] = False
    if free.sum() < _LEAST:
        return nothing
    return [parts for parts, is_free in zip(glyphs, free, strict=True) if is_free], np.flatnonzero(is_row)


def _in_rows(ink: Ink, glyphs: list[NDArray[np.intp]], letter: float) -> NDArray[np.bool_]:
    """Which stand in a row or a column with two others: stains do not."""
    boxes = np.array([box_of(ink, parts) for parts in glyphs], float).reshape(-1, 4)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    # [n, n, 2]: whether two share a column, or a row; each does with itself.
    shared = np.abs(middles[:, None] - middles[None]) < _ALIGNED * letter
    return np.asarray((shared.sum(axis=1) >= 3).any(axis=1))


def lone_glyphs(ink: Ink, frames: NDArray[np.bool_], letter: float) -> list[NDArray[np.intp]]:
    """The components of each isolated glyph of a page.

    Args:
        frames: which components are sides of cells, which may stand close by.
        letter: height of letters in working pixels.
    """
    area = ink.stats[:, cv2.CC_STAT_AREA]
    mask = (~frames)[ink.labels].astype(np.uint8)
    reach = 2 * max(1, round(_CLOSE * letter / 2)) + 1
    groups, boxes = components(np.asarray(cv2.dilate(mask, np.ones((reach, reach), np.uint8)), np.uint8))
    members = _members(ink, groups, mask)
    full = np.pad(np.cumsum(np.cumsum(mask, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    found = []
    for group in range(1, len(boxes)):
        parts = members[group]
        if not 0 < len(parts) <= _PARTS:
            continue
        x0, y0, x1, y1 = box_of(ink, parts)
        side = max(x1 - x0, y1 - y0) / letter
        clear = round(_CLEAR * letter)
        around = (x0 - clear, y0 - clear, x1 + clear, y1 + clear)
        on_page = min(around) >= 0 and around[2] <= mask.shape[1] and around[3] <= mask.shape[0]
        if (
            on_page  # at its edges lie the tears and shadows of a sheet
            and _SIDES[0] <= side <= _SIDES[1]
            and _within(full, *around) == int(area[parts].sum())
        ):
            found.append(parts)
    return found


def _frames(ink: Ink) -> tuple[NDArray[np.bool_], float]:
    """Which components are sides of cells, the ground among them, and the usual height of the others, by ink."""
    width, height, area = (ink.stats[:, i] for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    grids = (np.maximum(width, height) > _GRID * ink.letter) & (area < _HOLLOW * width * height)
    frames = drawn_boxes(ink.labels, ink.stats) | grids
    frames[0] = True
    if frames.all():
        return frames, ink.letter
    order = np.argsort(height[~frames])
    running = np.cumsum(area[~frames][order])
    return frames, float(height[~frames][order][np.searchsorted(running, running[-1] / 2)])


def box_of(ink: Ink, parts: NDArray[np.intp]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 (half-open) around components."""
    left, top, width, height = (ink.stats[parts, i] for i in range(4))
    return int(left.min()), int(top.min()), int((left + width).max()), int((top + height).max())


def shape_of(ink: Ink, parts: NDArray[np.intp]) -> tuple[Points, Points]:
    """Polygon and baseline of a glyph in working pixels: its box with some ground, and the foot of its largest part."""
    x0, y0, x1, y1 = box_of(ink, parts)
    margin = 0.15 * max(x1 - x0, y1 - y0)
    body = ink.stats[parts[ink.stats[parts, cv2.CC_STAT_AREA].argmax()]]
    foot = float(body[cv2.CC_STAT_TOP] + body[cv2.CC_STAT_HEIGHT])
    left, top, right, bottom = x0 - margin, y0 - margin, x1 + margin, y1 + margin
    polygon = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
    return polygon, np.array([(left, foot), (right, foot)], float)


def _members(ink: Ink, groups: NDArray[np.int32], mask: NDArray[np.uint8]) -> list[NDArray[np.intp]]:
    """For each group the components of `ink` in it."""
    ys, xs = np.nonzero(mask)
    pairs = np.unique(groups[ys, xs].astype(np.int64) * len(ink.stats) + ink.labels[ys, xs])
    group, part = np.divmod(pairs, len(ink.stats))
    bounds = np.searchsorted(group, np.arange(int(groups.max()) + 2))
    return [part[a:b].astype(np.intp) for a, b in itertools.pairwise(bounds)]


def _within(sums: NDArray[np.int64], x0: int, y0: int, x1: int, y1: int) -> int:
    """Ink pixels in a box; `sums` is the summed area table of the mask."""
    return int(sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0])
