"""Line finding by a small network: baselines from its maps, ink shared out among them, outlines around it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.geometry import apply, compose, quarter
from ocr_core.layout.classical import ClassicalSegmenter, is_texture
from ocr_core.layout.compose import Shape, layout_of, outlined
from ocr_core.layout.ink import find_marks, ink_of, line_pitch
from ocr_core.layout.learned.baselines import Baseline, enlarged, find_baselines
from ocr_core.layout.learned.borne_out import borne_out
from ocr_core.layout.learned.maps import LineMaps
from ocr_core.layout.learned.margins import Margin, set_apart, written_margins
from ocr_core.layout.ridges import Ridge
from ocr_core.layout.spread import cut_at, find_gutter
from ocr_core.records import MARGIN, TEXT, CleanPage, GreyImage, Layout

log = logging.getLogger(__name__)

_MIDDLE = 0.2
"""Shares of a line's height that the middle of its small letters lies above the baseline."""
_PITCH = 42.0
"""Working pixels from line to line that the network is used to; where lines are further apart the page is reduced …"""
_WHOLE = 0.85
"""… unless by less than to this share."""
_SURE, _LONG = 0.85, 6.0
"""Least probability and length, in heights, of a line that runs up or down a margin."""


class LearnedSegmenter:
    """Finds lines with a network; by strokes alone on pages where that finds nothing, or more than any page has.

    Args:
        network: the maps of a page, as :func:`~ocr_core.layout.learned.maps.line_maps` gives them.
        weights: which weights it has; part of the version.
    """

    name = "learned"

    def __init__(self, network: Callable[[GreyImage], LineMaps], weights: str) -> None:
        self._network = network
        self._classical = ClassicalSegmenter()
        self.version = f"5-{weights}-{self._classical.version}"

    def segment(self, page: CleanPage, page_id: str) -> Layout:
        if page.blank:
            return Layout(page_id, ())
        marks = find_marks(page.grey)
        ink = None if marks is None else ink_of(marks)
        if marks is None or ink is None:
            return Layout(page_id, ())
        pitch = line_pitch(ink)
        baselines, doubtful = self._baselines(page.grey, pitch)
        gutter = find_gutter(ink.mask, pitch, baselines)
        baselines = cut_at(gutter, baselines, ink.mask, pitch)
        # Writing much smaller than the page's looks like dirt until it is known that a line runs there.
        ink = ink_of(marks, _bands(baselines + doubtful, page.grey.shape)) or ink
        ridges, others = ([_ridge(b) for b in lines] for lines in (baselines, doubtful))
        margins = written_margins(page.grey, ink, ridges, pitch)
        turned = [shape for margin in margins for shape in self._turned(page.grey, margin, pitch)]
        if turned:
            ink, (ridges, others) = set_apart([p for p, _, _ in turned], ink, ridges, others)
        found = outlined(ink, ridges + borne_out(others, ink, ridges), _MIDDLE) + turned
        if not found or is_texture(len(found), page):
            log.debug("%s: the network finds %d lines", page_id, len(found))
            return self._classical.segment(page, page_id)
        return layout_of(page, page_id, found, gutter)

    def _turned(self, grey: GreyImage, margin: Margin, pitch: float) -> list[Shape]:
        """The lines of a margin that is read turned, in pixels of `grey`."""
        upright, back = quarter(np.ascontiguousarray(grey[:, margin.x0 : margin.x1]), margin.turn)
        back = compose(np.array([[1.0, 0, margin.x0], [0, 1.0, 0]]), back)
        marks = find_marks(upright)
        lines, _ = self._baselines(upright, pitch)
        sure = [line for line in lines if line.sure >= _SURE and len(line.ys) >= _LONG * line.height]
        ink = None if marks is None else ink_of(marks, _bands(sure, upright.shape))
        if ink is None:
            return []
        shapes = outlined(ink, [_ridge(line) for line in sure], _MIDDLE)
        return [(apply(back, p), apply(back, b), MARGIN) for p, b, region in shapes if region == TEXT]

    def _baselines(self, grey: GreyImage, pitch: float) -> tuple[list[Baseline], list[Baseline]]:
        """Sure and doubtful baselines in pixels of `grey`, found where lines are about as far apart as on the pages it was
        trained on."""
        share = min(1.0, _PITCH / pitch)
        if share > _WHOLE:
            return find_baselines(self._network(grey), grey.shape)
        size = (max(32, round(grey.shape[1] * share)), max(32, round(grey.shape[0] * share)))
        small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        across, down = grey.shape[1] / size[0], grey.shape[0] / size[1]
        sure, doubtful = find_baselines(self._network(small), small.shape)
        return [enlarged(b, across, down) for b in sure], [enlarged(b, across, down) for b in doubtful]


def _ridge(line: Baseline) -> Ridge:
    return Ridge(line.x0, line.ys - _MIDDLE * line.height, line.sure, line.height)


def _bands(baselines: list[Baseline], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Where the small letters of lines stand: uint8 [h, w], 1 there."""
    bands = np.zeros(shape, np.uint8)
    for line in baselines:
        xs = np.arange(line.x0, line.x1, 8)
        ys = line.ys[xs - line.x0] - 0.25 * line.above
        course = np.rint(np.stack([xs, ys], axis=1)).astype(np.int32)
        cv2.polylines(bands, [course], False, 1, max(1, round(0.5 * line.above)))
    return bands
