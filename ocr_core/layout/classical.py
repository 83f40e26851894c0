"""Line finding without learning: ridges of blurred strokes, ink shared out among them, outlines around it."""

from __future__ import annotations

import logging

import numpy as np

from ocr_core.imaging.geometry import apply
from ocr_core.layout.assign import assign_ink
from ocr_core.layout.ink import Ink, evenly_set, find_ink, line_pitch, sizes
from ocr_core.layout.outline import Points, outline
from ocr_core.layout.ridges import Ridge, find_ridges, with_stacked
from ocr_core.layout.spread import cut_at, find_gutter, in_order
from ocr_core.records import CleanPage, Layout, Line, as_points, line_id

log = logging.getLogger(__name__)

MAX_LINES = 400
"""More lines than any page of an archive has: beyond, the page is texture."""


class ClassicalSegmenter:
    """Finds lines by their strokes; knows no script, needs no model. Pages should be straight to a few degrees."""

    name = "classical"
    version = "3"

    def segment(self, page: CleanPage, page_id: str) -> Layout:
        if page.blank:
            return Layout(page_id, ())
        ink = find_ink(page.grey)
        if ink is None:
            return Layout(page_id, ())
        pitch = line_pitch(ink)
        ridges = _all_ridges(ink)
        gutter = find_gutter(ink.mask, pitch, ridges)
        found = _lines(ink, cut_at(gutter, ridges, pitch))
        if len(found) > MAX_LINES:
            log.warning("%s: %d lines found, taken for texture", page_id, len(found))
            return Layout(page_id, ())
        cores = np.array([[b[0, 0], b[:, 1].min() - 1, b[-1, 0], b[:, 1].max()] for _, b in found]).reshape(
            -1, 4
        )
        lines = []
        for order, (index, region) in enumerate(in_order(gutter, cores)):
            polygon, baseline = (as_points(apply(page.to_original, points)) for points in found[index])
            lines.append(Line(line_id(page_id, order), order, polygon, baseline, region))
        return Layout(page_id, tuple(lines))


def _lines(ink: Ink, ridges: list[Ridge]) -> list[tuple[Points, Points]]:
    """Polygon and baseline of each line, in working pixels, in no order."""
    xs, ys, owner = assign_ink(ink, ridges)
    weights = ink.strokes[ys, xs]
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(ridges) + 1))
    found = []
    for i, ridge in enumerate(ridges):
        mine = order[bounds[i] : bounds[i + 1]]
        shape = outline(ridge, xs[mine], ys[mine], weights[mine])
        if shape is not None:
            found.append(shape)
    return found


def _all_ridges(ink: Ink) -> list[Ridge]:
    """The ridges of the page's main size of writing, and those of other sizes where they stack up like lines."""
    main, *others = sizes(ink)
    ridges, usual = find_ridges(main.strokes, ink.mask, main.pitch, across=main.across)
    for size in others:
        more, _ = find_ridges(size.strokes, ink.mask, size.pitch, across=size.across, floor=0.5 * usual)
        ridges = with_stacked(ridges, [r for r in more if evenly_set(ink, size.letter, r.x0, r.ys)])
    return ridges
