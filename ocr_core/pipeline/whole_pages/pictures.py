"""Pictures for engines that read whole pages: upright and straight, the two pages of a spread apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ocr_core.imaging.geometry import Affine, apply, compose, invert, page_picture, quarter, rotate
from ocr_core.imaging.masks import median
from ocr_core.layout.spread import LEFT, RIGHT
from ocr_core.records import CleanPage, GreyImage, Line

ALL = ""
"""Key of a picture that shows every line of its page."""
_LEVEL = 0.05
"""Degrees: a page that is turned by less is not turned again."""


def page_pictures(
    grey: GreyImage, page: CleanPage, lines: Sequence[Line], pixels: int
) -> dict[str, GreyImage]:
    """The pictures of a page, by the region whose lines each shows: `ALL`, or the two pages of a spread.

    Args:
        grey: the original page, uint8 [height, width].
        lines: in pixels of `grey`.
        pixels: area of a picture, more or less; those of a spread are of one scale.
    """
    spread = {line.region for line in lines} == {LEFT, RIGHT}
    picture, to_original = _straight(grey, page, 2 * pixels if spread else pixels)
    if not spread:
        return {ALL: picture}
    to_picture = invert(to_original)
    ends = {LEFT: 0.0, RIGHT: float(picture.shape[1])}  # the innermost points of the lines of each side
    for line in lines:
        xs = apply(to_picture, line.polygon)[:, 0]
        ends[line.region] = max(ends[LEFT], xs.max()) if line.region == LEFT else min(ends[RIGHT], xs.min())
    middle = (ends[LEFT] + ends[RIGHT]) / 2
    # Where lines of both sides share columns, each page keeps its own lines whole.
    left = min(picture.shape[1], math.ceil(max(middle, ends[LEFT])))
    right = max(0, math.floor(min(middle, ends[RIGHT])))
    return {
        LEFT: np.ascontiguousarray(picture[:, :left]),
        RIGHT: np.ascontiguousarray(picture[:, right:]),
    }


def _straight(grey: GreyImage, page: CleanPage, pixels: int) -> tuple[GreyImage, Affine]:
    """The page turned as it was for layout and reduced to an area of about `pixels`, and the map back to `grey`."""
    tilt = _tilt(page.to_original)
    if abs(tilt) < _LEVEL:
        tilt = 0.0
    height, width = grey.shape if page.rotation in (0, 180) else grey.shape[::-1]
    cos, sin = math.cos(math.radians(tilt)), abs(math.sin(math.radians(tilt)))
    grown = (width * cos + height * sin) * (width * sin + height * cos) / (width * height)
    upright = page_picture(grey, page.rotation, int(pixels / grown))
    _, back = quarter(grey, page.rotation)
    scale = np.array([[width / upright.shape[1], 0.0, 0.0], [0.0, height / upright.shape[0], 0.0]])
    back = compose(back, scale)
    if not tilt:
        return upright, back
    level, to_upright = rotate(upright, tilt, fill=median(upright))
    return level, compose(back, to_upright)


def _tilt(to_original: Affine) -> float:
    """By how many degrees a page was turned beside its quarter turns, clockwise positive as `rotate` has it."""
    angle = math.degrees(math.atan2(to_original[1, 0], to_original[0, 0]))
    return (angle + 45.0) % 90.0 - 45.0
