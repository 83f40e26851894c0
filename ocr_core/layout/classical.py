"""Line finding without learning: ridges of blurred strokes, ink shared out among them, outlines around it."""

from __future__ import annotations

import logging

from ocr_core.layout.compose import layout_of, outlined
from ocr_core.layout.ink import Ink, evenly_set, find_ink, line_pitch, sizes
from ocr_core.layout.ridges import Ridge, find_ridges, with_stacked
from ocr_core.layout.spread import cut_at, find_gutter
from ocr_core.records import CleanPage, Layout

log = logging.getLogger(__name__)

_MOST, _DENSEST = 400, 270.0
"""More lines than any page of an archive has, and than there are in a megapixel of a large one: beyond, it is texture."""


class ClassicalSegmenter:
    """Finds lines by their strokes; knows no script, needs no model. Pages should be straight to a few degrees."""

    name = "classical"
    version = "5"

    def segment(self, page: CleanPage, page_id: str) -> Layout:
        if page.blank:
            return Layout(page_id, ())
        ink = find_ink(page.grey)
        if ink is None:
            return Layout(page_id, ())
        pitch = line_pitch(ink)
        ridges = _all_ridges(ink)
        gutter = find_gutter(ink.mask, pitch, ridges)
        found = outlined(ink, cut_at(gutter, ridges, ink.mask, pitch))
        if is_texture(len(found), page):
            log.warning("%s: %d lines found, taken for texture", page_id, len(found))
            return Layout(page_id, ())
        return layout_of(page, page_id, found, gutter)


def is_texture(lines: int, page: CleanPage) -> bool:
    """Whether a page has more lines than can be written on it."""
    return lines > max(_MOST, _DENSEST * page.grey.size / 1e6)


def _all_ridges(ink: Ink) -> list[Ridge]:
    """The ridges of the page's main size of writing, and those of other sizes where they stack up like lines."""
    main, *others = sizes(ink)
    ridges, usual = find_ridges(main.strokes, ink.mask, main.pitch, across=main.across)
    for size in others:
        more, _ = find_ridges(size.strokes, ink.mask, size.pitch, across=size.across, floor=0.5 * usual)
        ridges = with_stacked(ridges, [r for r in more if evenly_set(ink, size.letter, r.x0, r.ys)])
    return ridges
