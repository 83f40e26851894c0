"""Line crops: the strip of page along a baseline, straightened, evened and scaled to a network's height.

Training and the pipeline both cut lines here, so that a network meets in use what it was trained on.

Axes and units: images are grey uint8 ``[rows, columns]``, ink dark on light ground; points are ``(x, y)`` in pixels of the
image they belong to, y downwards. A line's *ascent* and *descent* are distances in pixels from its baseline, measured
perpendicular to it, up and down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.ground import dark_on_light, fade_outside
from ocr_core.layout.extents import (
    MARGIN_ABOVE,
    MARGIN_BELOW,
    Extents,
    Points,
    distinct,
    fit_extents,
    guessed_baseline,
    left_to_right,
    line_extents,
    usual_extents,
)
from ocr_core.layout.letters import x_height_share
from ocr_core.records import CELL, GreyImage, Line, LineImage

CROP_VERSION = "2"
"""Enters the pipeline's fingerprint: it changes when the same line would be cut differently."""
_LETTERS, _MOST_ROOM = 0.28, 1.6
"""Readers learn from letters whose small ones take up to this share of a strip; larger ones get more room, up to so much."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A straightened line at the resolution of its page.

    Attributes:
        image: grey uint8 ``[height, width]``.
        mask: uint8 ``[height, width]``, 255 inside the line's outline, 0 outside, soft between; None where no outline.
        points: float64 ``[width, 2]``, where on the page each column meets the baseline (x, y).
        baseline_y: pixels from the top edge to the baseline.
        to_page: float64 ``[2, 3]``, affine from pixels of the strip to the page, exact where the baseline is straight.
    """

    image: GreyImage
    mask: GreyImage | None
    points: Points
    baseline_y: float
    to_page: NDArray[np.float64]

    def faded(self) -> GreyImage:
        """The image with what lies outside the outline faded to the ground around it."""
        return self.image if self.mask is None else fade_outside(self.image, self.mask)


def rectify_line(
    image: GreyImage,
    baseline: Points,
    polygon: Points | None = None,
    *,
    usual: Extents | None = None,
    extents: Extents | None = None,
    pad: tuple[float, float] = (0.0, 0.0),
    turn: bool = True,
) -> Strip:
    """Cut the strip along a baseline, straight, at the resolution of the page.

    Args:
        image: the page, grey uint8 ``[rows, columns]``.
        baseline: float ``[n, 2]``, n >= 2.
        polygon: the line's outline, float ``[m, 2]``, or None.
        usual: the page's usual extents (:func:`page_extents`), a check on the outline and a stand-in for it.
        extents: extents to use as they are, instead of the outline's.
        pad: more to cut above and below, and to the left and right, as shares of the strip's height (training only).
        turn: let the strip run from left to right on the page whichever way the baseline is given; else it runs as the
            baseline does, which on a page that lies on its head is from right to left.

    Raises:
        ValueError: a baseline of fewer than two different points, or no outline and no extents.
    """
    base = distinct(np.asarray(baseline, dtype=np.float64))
    base = left_to_right(base) if turn else base
    outline = None if polygon is None or len(polygon) < 3 else np.asarray(polygon, dtype=np.float64)
    if extents is None:
        extents = fit_extents(line_extents(base, outline, turn=False) if outline is not None else None, usual)
    height = extents.height
    points, normals = _smooth_axis(base, outline, height, pad[1] * height)
    above = extents.ascent * MARGIN_ABOVE + pad[0] * height
    below = extents.descent * MARGIN_BELOW + pad[0] * height
    rows = max(4, round(above + below))
    offsets = (np.arange(rows, dtype=np.float32) + 0.5 - np.float32(above))[:, None]
    p32, n32 = points.astype(np.float32), normals.astype(np.float32)
    map_x = p32[None, :, 0] + offsets * n32[None, :, 0]
    map_y = p32[None, :, 1] + offsets * n32[None, :, 1]
    strip = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = None if outline is None else _mask(outline, map_x, map_y, extents, above)
    return Strip(
        dark_on_light(np.asarray(strip, dtype=np.uint8)), mask, points, above, _affine(points, normals, above)
    )


def crop_lines(page: GreyImage, lines: Sequence[Line]) -> list[LineImage]:
    """Cut the lines of a page for a reader: same length, same order.

    Args:
        page: the original page image, grey uint8 ``[rows, columns]``: the lines' coordinates are its pixels.
        lines: with polygons; a line without a baseline, or with one that is only a point, gets a guessed one.
    """
    # Until its script is known a line runs as the eye sees it on the upright page: only those known to run from right to
    # left are turned round.
    turns = [line.direction == "rtl" for line in lines]
    shapes = [(_baseline_of(line), np.asarray(line.polygon, dtype=np.float64)) for line in lines]
    own = [line_extents(*shape, turn=turn) for shape, turn in zip(shapes, turns, strict=True)]
    # What stands in a cell is as high as it is, and tells nothing of lines.
    is_line = [line.region != CELL for line in lines]
    usual = (
        usual_extents(list(compress(own, is_line)), [baseline for baseline, _ in compress(shapes, is_line)])
        if any(is_line)
        else None
    )

    def cut(room: float) -> list[LineImage]:
        images = []
        for line, shape, turn, extents in zip(lines, shapes, turns, own, strict=True):
            fitting = fit_extents(extents, None if line.region == CELL else usual)
            share = 1.0 if line.region == CELL else room
            roomy = Extents(fitting.ascent * share, fitting.descent * share)
            strip = rectify_line(page, *shape, extents=roomy, turn=turn)
            images.append(LineImage(line.line_id, strip.faded(), strip.baseline_y, strip.to_page))
        return images

    images = cut(1.0)
    share = x_height_share([(image.pixels, image.baseline_y) for image in compress(images, is_line)])
    room = 1.0 if share is None else min(share / _LETTERS, _MOST_ROOM)
    return cut(room) if room > 1 else images


def _baseline_of(line: Line) -> Points:
    if len(set(line.baseline)) >= 2:
        return np.asarray(line.baseline, dtype=np.float64)
    return guessed_baseline(np.asarray(line.polygon, dtype=np.float64))


def _affine(points: Points, normals: Points, above: float) -> NDArray[np.float64]:
    """The best single affine from the strip to the page: the mean direction along and across, through the middle."""
    along = (points[-1] - points[0]) / max(len(points) - 1, 1)
    across = normals.mean(axis=0)
    across /= max(float(np.hypot(*across)), 1e-9)
    middle = points.mean(axis=0)
    # Pixel centres lie at whole numbers, and the baseline half a pixel before that of its row.
    origin = middle - along * (len(points) - 1) / 2 - across * (above - 0.5)
    return np.column_stack([along, across, origin])


def _smooth_axis(base: Points, outline: Points | None, height: float, pad: float) -> tuple[Points, Points]:
    """The baseline as one point a pixel and the downward normal at each, smoothed over about one line height.

    The ends run on straight, as far as the outline does, but not more than one height.
    """
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(base, axis=0).T))])
    step = max(2.0, height / 8)
    count = max(3, round(along[-1] / step) + 1)
    at = np.linspace(0.0, along[-1], count)
    axis = np.column_stack([np.interp(at, along, base[:, 0]), np.interp(at, along, base[:, 1])])
    axis = _smooth(axis, 4)
    tangents = _smooth(np.gradient(axis, axis=0), 6)
    tangents /= np.maximum(np.hypot(tangents[:, :1], tangents[:, 1:]), 1e-9)
    before, after = 0.0, 0.0
    if outline is not None:
        before = float(np.clip(np.max((axis[0] - outline) @ tangents[0]), 0.0, height))
        after = float(np.clip(np.max((outline - axis[-1]) @ tangents[-1]), 0.0, height))
    before, after = before + pad, after + pad
    axis = np.vstack([axis[0] - before * tangents[0], axis, axis[-1] + after * tangents[-1]])
    tangents = np.vstack([tangents[0], tangents, tangents[-1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(axis, axis=0).T))])
    fine = np.arange(max(4, round(along[-1]))) + 0.5
    points = np.column_stack([np.interp(fine, along, axis[:, 0]), np.interp(fine, along, axis[:, 1])])
    tx, ty = np.interp(fine, along, tangents[:, 0]), np.interp(fine, along, tangents[:, 1])
    return points, np.column_stack([-ty, tx])


def _smooth(values: Points, reach: int) -> Points:
    """Moving average over 2·reach + 1 rows; the ends are continued by point reflection, which keeps slopes."""
    reach = min(reach, len(values) - 1)
    if reach < 1:
        return values
    head = 2 * values[0] - values[reach:0:-1]
    tail = 2 * values[-1] - values[-2 : -reach - 2 : -1]
    sums = np.cumsum(np.vstack([np.zeros((1, 2)), head, values, tail]), axis=0)
    window = 2 * reach + 1
    return (sums[window:] - sums[:-window]) / window


def _mask(
    outline: Points, map_x: NDArray[np.float32], map_y: NDArray[np.float32], extents: Extents, above: float
) -> GreyImage:
    """The outline in the strip's coordinates, a little widened, with soft edges.

    Made at a quarter of the resolution. The core of the line, from 0.45 ascents above the baseline to 0.15 below, is
    kept even where the outline leaves it out: outlines cut letters more often than a neighbour reaches into the core.
    """
    rows, columns = map_x.shape
    x, y = np.ascontiguousarray(map_x[::4, ::4]), np.ascontiguousarray(map_y[::4, ::4])
    x0, y0 = np.floor(outline.min(axis=0)).astype(int)
    x1, y1 = np.ceil(outline.max(axis=0)).astype(int) + 1
    canvas = np.zeros(((y1 - y0) // 2 + 2, (x1 - x0) // 2 + 2), np.uint8)
    cv2.fillPoly(canvas, [np.round((outline - (x0, y0)) / 2).astype(np.int32)], 255)
    small = cv2.remap(
        canvas, (x - np.float32(x0)) / 2, (y - np.float32(y0)) / 2, cv2.INTER_NEAREST, borderValue=0
    )
    reach = max(1, round(0.05 * extents.height / 4))
    small = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    core = slice(
        max(0, round((above - 0.45 * extents.ascent) / 4)), round((above + 0.15 * extents.ascent) / 4) + 1
    )
    lengthwise = small.any(axis=0)
    small[core, lengthwise] = 255
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
