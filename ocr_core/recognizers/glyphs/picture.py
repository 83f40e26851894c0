"""Pictures of single characters as the networks for them see them: ink 255 on ground 0, at the network's size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.recognizers.glyphs.network import GlyphKind
from ocr_core.records import GreyImage

PREPARATIONS: dict[GlyphKind, str] = {"compact": "2", "published": "1"}
"""Versions, which enter the stamp of the engine: one changes when the same picture would look different to its network."""

COMPACT_SIDE = 32
COMPACT_INK = 26
"""Pixels of the longer side of the ink in a picture of `COMPACT_SIDE`."""
PUBLISHED_SIDE = 64
_LEAST_CONTRAST = 24
"""Grey values between ground and ink below which a picture is empty."""
_FAINTEST, _GRAINY, _GRAIN = 10, 40, 3
"""Values above are ink: dots made with the tip of a pen are faint, and without them a letter is another. The first where the
ground is clean, up to the second where it is grainy: the third times what a tenth of the border's pixels exceed."""
_SPECK, _CROPPED = 0.006, 0.05
"""Blobs smaller than this share of the largest are dirt, not dots. At the edge of the picture, those with less ink than the
second."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The square, in pixels of the picture, that becomes the network's picture: its centre and the length of its sides."""

    x: float
    y: float
    side: float


def ink_of(pixels: GreyImage) -> GreyImage:
    """Ink as light on dark, whichever way round the picture is; all 0 where there is none. Same shape.

    The ground is what the border of the picture shows. White on black at full contrast stays as it is.
    """
    ground = float(np.median(_border(pixels)))
    light = ground > (float(pixels.min()) + float(pixels.max())) / 2
    ink = ground - pixels.astype(np.float32) if light else pixels.astype(np.float32) - ground
    most = float(ink.max())
    if most < _LEAST_CONTRAST:
        return np.zeros_like(pixels)
    return np.clip(ink * (255 / most), 0, 255).astype(np.uint8)


def frame_of(ink: GreyImage) -> Frame | None:
    """The square around the ink as `CompactGlyphs` wants it, specks left out; None for an empty picture."""
    border = _border(ink)
    grain = float(np.sort(border)[9 * len(border) // 10])
    least = min(max(_GRAIN * grain, _FAINTEST), _GRAINY)
    count, which, stats, _ = cv2.connectedComponentsWithStats((ink > least).astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    mass = np.bincount(which.ravel(), weights=ink.ravel(), minlength=count)[1:]
    area = stats[1:, cv2.CC_STAT_AREA]
    x0, y0 = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_TOP]
    x1, y1 = x0 + stats[1:, cv2.CC_STAT_WIDTH], y0 + stats[1:, cv2.CC_STAT_HEIGHT]
    at_edge = (x0 == 0) | (y0 == 0) | (x1 == ink.shape[1]) | (y1 == ink.shape[0])
    kept = np.where(at_edge, mass >= _CROPPED * mass.max(), area >= _SPECK * area.max())
    x0, y0, x1, y1 = x0[kept].min(), y0[kept].min(), x1[kept].max(), y1[kept].max()
    side = max(x1 - x0, y1 - y0) * COMPACT_SIDE / COMPACT_INK
    return Frame((x0 + x1) / 2, (y0 + y1) / 2, float(side))


def _border(pixels: GreyImage) -> GreyImage:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def compact_picture(ink: GreyImage) -> GreyImage:
    """The ink in the middle of a [32, 32] picture, its longer side 26 pixels, lifted; all 0 for an empty picture."""
    frame = frame_of(ink)
    if frame is None:
        return np.zeros((COMPACT_SIDE, COMPACT_SIDE), np.uint8)
    scale = COMPACT_SIDE / frame.side
    if scale < 0.5:  # else most pixels of a large picture would be skipped
        small = cv2.resize(ink, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        ratio = small.shape[1] / ink.shape[1]
        ink = np.asarray(small, dtype=np.uint8)
        frame = Frame(frame.x * ratio, frame.y * ratio, frame.side * ratio)
        scale = COMPACT_SIDE / frame.side
    # Pixel centres: the middle of the frame falls on the middle of the picture.
    middle = (COMPACT_SIDE - 1) / 2
    matrix = np.array(
        [[scale, 0, middle - scale * (frame.x - 0.5)], [0, scale, middle - scale * (frame.y - 0.5)]]
    )
    return lifted(np.asarray(cv2.warpAffine(ink, matrix, (COMPACT_SIDE, COMPACT_SIDE)), dtype=np.uint8))


def lifted(picture: GreyImage) -> GreyImage:
    """The same picture with faint ink made to show: 255 √(v / 255)."""
    return np.asarray(cv2.LUT(picture, _LIFT), dtype=np.uint8)


_LIFT = np.round(255 * np.sqrt(np.arange(256) / 255)).astype(np.uint8)


def published_picture(ink: GreyImage) -> GreyImage:
    """The whole picture, made square with ground, at [64, 64]: the published preparation."""
    rows, columns = ink.shape
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    square = np.zeros((side, side), np.uint8)
    square[top : top + rows, left : left + columns] = ink
    how = cv2.INTER_AREA if side > PUBLISHED_SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (PUBLISHED_SIDE, PUBLISHED_SIDE), interpolation=how), dtype=np.uint8)


def glyph_picture(ink: GreyImage, kind: GlyphKind) -> GreyImage:
    """The picture that a kind of network sees, uint8 [side, side]."""
    return published_picture(ink) if kind == "published" else compact_picture(ink)


def as_input(pictures: list[GreyImage]) -> NDArray[np.float32]:
    """[B, side, side] → float32 [B, 1, side, side] in [0, 1]."""
    return np.asarray(np.stack(pictures)[:, None] / np.float32(255), dtype=np.float32)
