"""A page once the scripts of its lines are settled: its lines in the order in which such a page is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ocr_core.layout.order import reading_order
from ocr_core.layout.spread import LEFT, RIGHT
from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.records import MARGIN, Line, Script, line_id
from ocr_core.script.pages import PageScript


@dataclass(frozen=True, slots=True)
class RoutedPage:
    """A page whose lines know their engines. Make one with `routed`.

    Attributes:
        page: its lines in reading order; the script of a line's picture is that of its engine.
        decision: the script of the page, and of its lines in the same order.
    """

    page: PreparedPage
    decision: PageScript

    @property
    def page_id(self) -> str:
        return self.page.page.page_id

    @property
    def scripts(self) -> frozenset[Script]:
        """Those of its engines."""
        return frozenset(image.script for image in self.page.images)


def routed(page: PreparedPage, decision: PageScript) -> RoutedPage:
    """The page in the order that `decision` gives it: one with more Arabic than other writing is read from the right."""
    widths = line_widths(page)
    arabic = sum(w for w, vote in zip(widths, decision.lines, strict=True) if vote.script is Script.ARABIC)
    if arabic > sum(widths) / 2:
        order = _from_the_right(page.lines, page.rotation)
        page = _reordered(page, order)
        decision = replace(decision, lines=tuple(decision.lines[i] for i in order))
    # A page of digits alone goes to the Latin engine, which knows them.
    scripts = (Script.LATIN if vote.script is Script.NONE else vote.script for vote in decision.lines)
    images = tuple(replace(image, script=script) for image, script in zip(page.images, scripts, strict=True))
    return RoutedPage(replace(page, images=images), decision)


def line_widths(page: PreparedPage) -> list[int]:
    """The lengths of lines, pixels: the longer side of each, for a page may lie on its side."""
    return [max(line.box.width, line.box.height) for line in page.lines]


def _from_the_right(lines: Sequence[Line], rotation: int) -> list[int]:
    """Places of lines in the order of a page whose columns are read from right to left once it stands upright."""
    turned = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}[rotation]
    upright = np.array(turned).reshape(2, 2)
    baselines = [np.array(line.baseline, float) @ upright.T for line in lines]
    ends = np.array([[*b.min(axis=0) - (0, 1), *b.max(axis=0) + 1] for b in baselines])
    level = [i for i, line in enumerate(lines) if line.region != MARGIN]
    pages = [[i for i, line in enumerate(lines) if line.region == side] for side in (RIGHT, LEFT)]
    if not all(pages) or sum(map(len, pages)) < len(level):  # no spread, or one with lines of neither side
        pages = [level]
    aside = [i for i, line in enumerate(lines) if line.region == MARGIN]
    return [page[i] for page in pages for i in reading_order(ends[page], rtl=True)] + aside


def _reordered(page: PreparedPage, order: Sequence[int]) -> PreparedPage:
    """The page with its lines in another order, numbered anew."""
    ids = [line_id(page.page.page_id, number) for number in range(len(order))]
    return replace(
        page,
        lines=tuple(replace(page.lines[i], line_id=ids[n], order=n) for n, i in enumerate(order)),
        images=tuple(replace(page.images[i], line_id=ids[n]) for n, i in enumerate(order)),
    )
