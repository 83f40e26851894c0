"""Which segments of a page show one isolated glyph: plain geometry, no network.

A letter on a form, a shelf mark, an abjad number, an answer in its cell: one body with at most three dots or marks, about as
large as a letter of the page, with nothing beside it. A short word that joins looks the same, so this only proposes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_core.ground import even_out
from ocr_core.imaging.masks import components, drawn_boxes
from ocr_core.records import CELL, Box, GreyImage, Line, LineImage

_LONGEST = 3.5
"""Width of a segment in heights of its strip beyond which it is not looked at."""
_INK = 128
"""Evened grey values below are ink."""
_SPECK = 0.03
"""Parts with less than this share of the body's ink are dirt, …"""
_MARK = 0.5
"""… with up to this share dots or marks of the letter, and above a second letter."""
_MARKS = 3
_SIDES = (0.14, 1.25)
"""The longer side of a glyph, in heights of its strip."""
_FLATTEST = 0.08
"""Its height, in the same: what is lower is a dash."""
_ALONE = 1.5
"""Heights of a segment beside it that must be free of others on its row."""


def isolated_glyphs(lines: Sequence[Line], images: Sequence[LineImage]) -> list[Box | None]:
    """For each line of a page where in its strip the glyph is, if it looks like one isolated glyph; else None.

    Args:
        lines: of the page, with their boxes on it.
        images: their strips; same length, same order.
    """
    boxes = [line.box for line in lines]
    return [
        glyph_box(image.pixels) if line.region == CELL or _is_alone(place, boxes) else None
        for place, (line, image) in enumerate(zip(lines, images, strict=True))
    ]


def glyph_box(pixels: GreyImage) -> Box | None:
    """Where a strip shows one body of a glyph's size with at most three marks; None where it shows anything else.

    Args:
        pixels: grey uint8 [rows, columns], dark on light.
    """
    rows, columns = pixels.shape
    if min(rows, columns) < 8 or columns > _LONGEST * rows:
        return None
    labels, stats = components(_ink(pixels))
    sides = drawn_boxes(labels, stats)[1:]
    parts = stats[1:]
    # What reaches in from the edge of the strip belongs to a neighbour, a cell or the dark around the sheet.
    x1, y1 = parts[:, 0] + parts[:, 2], parts[:, 1] + parts[:, 3]
    inner = (parts[:, 0] > 0) & (parts[:, 1] > 0) & (x1 < columns) & (y1 < rows)
    parts = parts[inner & ~sides]
    if not len(parts):
        return None
    shares = parts[:, cv2.CC_STAT_AREA] / parts[:, cv2.CC_STAT_AREA].max()
    parts, shares = parts[shares >= _SPECK], shares[shares >= _SPECK]
    if len(parts) > 1 + _MARKS or (np.sort(shares)[:-1] > _MARK).any():
        return None
    box = Box(
        int(parts[:, 0].min()),
        int(parts[:, 1].min()),
        int((parts[:, 0] + parts[:, 2]).max()),
        int((parts[:, 1] + parts[:, 3]).max()),
    )
    is_sized = _SIDES[0] * rows <= max(box.width, box.height) <= _SIDES[1] * rows
    return box if is_sized and box.height >= _FLATTEST * rows else None


def _ink(pixels: GreyImage) -> GreyImage:
    return np.asarray(even_out(pixels) < _INK, dtype=np.uint8)


def cut_glyph(pixels: GreyImage, box: Box) -> GreyImage:
    """The glyph in a box of a strip by itself, with a third of its longer side of light ground around it."""
    margin = max(box.width, box.height) // 3
    part = even_out(pixels)[box.y0 : box.y1, box.x0 : box.x1]
    return np.asarray(
        cv2.copyMakeBorder(part, *(margin,) * 4, cv2.BORDER_CONSTANT, value=(255,)), dtype=np.uint8
    )


def _is_alone(place: int, boxes: Sequence[Box]) -> bool:
    own = boxes[place]
    for number, other in enumerate(boxes):
        shared = min(own.y1, other.y1) - max(own.y0, other.y0)
        gap = max(own.x0, other.x0) - min(own.x1, other.x1)
        if number != place and 2 * shared > min(own.height, other.height) and gap < _ALONE * own.height:
            return False
    return True
