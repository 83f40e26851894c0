"""From where lines run to the layout of the page: ink shared out, outlines drawn, lines put in reading order."""

from __future__ import annotations

import numpy as np

from ocr_core.imaging.geometry import apply
from ocr_core.layout.assign import assign_ink
from ocr_core.layout.ink import Ink
from ocr_core.layout.lone import shape_of, standing_apart
from ocr_core.layout.outline import Points, outline
from ocr_core.layout.ridges import Ridge
from ocr_core.layout.spread import Gutter, in_order
from ocr_core.records import CELL, MARGIN, TEXT, CleanPage, Layout, Line, as_points, line_id

Shape = tuple[Points, Points, str]
"""Polygon, baseline and region of a line, in working pixels."""


def outlined(ink: Ink, ridges: list[Ridge], below: float | None = None) -> list[Shape]:
    """Polygon, baseline and region of each line that has ink and of each cell of a form, in working pixels, in no order.

    Args:
        below: how far below its ridge a baseline lies, as a share of the ridge's pitch, where that is known; else the
            strokes tell.
    """
    xs, ys, owner = assign_ink(ink, ridges)
    apart, rows = standing_apart(ink, xs, ys, owner)
    owner[np.isin(owner, rows)] = -1
    weights = ink.strokes[ys, xs]
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(ridges) + 1))
    found = []
    for i, ridge in enumerate(ridges):
        mine = order[bounds[i] : bounds[i + 1]]
        shape = outline(
            ridge, xs[mine], ys[mine], weights[mine], None if below is None else below * ridge.pitch
        )
        if shape is not None:
            found.append((*shape, TEXT))
    return found + [(*shape_of(ink, parts), CELL) for parts in apart]


def layout_of(page: CleanPage, page_id: str, found: list[Shape], gutter: Gutter | None) -> Layout:
    """The layout of a page with these lines (as :func:`outlined` gives them), in pixels of the original page.

    On a spread the region of a line is the page it stands on; cells stay cells. Lines up or down a margin come last.
    """
    level = [i for i, (_, _, region) in enumerate(found) if region != MARGIN]
    baselines = [found[i][1] for i in level]
    cores = np.array([[b[0, 0], b[:, 1].min() - 1, b[-1, 0], b[:, 1].max()] for b in baselines])
    places = [(level[i], side) for i, side in in_order(gutter, cores.reshape(-1, 4))]
    places += [(i, MARGIN) for i, (_, _, region) in enumerate(found) if region == MARGIN]
    lines = []
    for order, (index, side) in enumerate(places):
        polygon, baseline = (as_points(apply(page.to_original, points)) for points in found[index][:2])
        region = found[index][2] if found[index][2] == CELL else side
        lines.append(Line(line_id(page_id, order), order, polygon, baseline, region))
    return Layout(page_id, tuple(lines))
