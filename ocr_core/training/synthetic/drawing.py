"""Synthetic lines: real text set in real fonts, made to look printed or written, on paper.

The way of a line: text → mask of ink (`draw_text`; shaped by HarfBuzz through raqm, so that Arabic joins)
→ perhaps a pen instead of type (`repen`) → bent, slanted and uneven (`warp`) → ink on paper (`ink_on_paper`)
→ the traces of scanning (`degrade`). `render_line` does all of it; each step also works on masks from
elsewhere, such as the ink of a real line. Everything random comes from the generator that is passed in.

Masks are uint8 ``[height, width]``, 255 where ink is; images are grey uint8, ink dark on light ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import features

from ocr_core.errors import MissingDependency
from ocr_core.records import GreyImage
from ocr_core.training.synthetic.fonts import draw_piece, face_of
from ocr_core.training.synthetic.masks import Mask, cropped
from ocr_core.training.synthetic.paper import degrade, ink_on_paper
from ocr_core.training.synthetic.strokes import repen, warp


@dataclass(frozen=True, slots=True)
class Style:
    """How a line is made. Strengths are 0 (none) to 1 (as much as stays legible).

    Attributes:
        size: em of the font in pixels, before any scaling.
        rtl: the paragraph runs right to left; the text is in logical order either way.
        hand: words are drawn one by one, each a little off the line, turned and scaled.
        pen: width of a nib in pixels that redraws the letters along their middle; 0 keeps the type.
        bend: waves of the baseline and elastic distortion.
        slant: shear, pixels to the right for each pixel up.
        wear: blur, noise, broken ink, JPEG artefacts.
    """

    size: int = 56
    rtl: bool = True
    hand: bool = False
    pen: float = 0.0
    bend: float = 0.0
    slant: float = 0.0
    wear: float = 0.3


@dataclass(frozen=True, slots=True)
class RenderedLine:
    """`pixels` is grey uint8 ``[height, width]``; `ink` the same shape, 255 where ink was put."""

    pixels: GreyImage
    ink: Mask
    text: str


def random_style(rng: np.random.Generator, *, rtl: bool, hand: bool) -> Style:
    """A style as varied as pages of an archive are; `hand` asks for something written."""
    size = int(rng.integers(40, 72))
    if not hand:
        return Style(
            size,
            rtl,
            bend=float(rng.uniform(0, 0.15)),
            slant=float(rng.normal(0, 0.03)),
            wear=float(rng.random()),
        )
    return Style(
        size,
        rtl,
        hand=True,
        pen=float(rng.uniform(1.8, 7)) if rng.random() < 0.7 else 0.0,
        bend=float(rng.uniform(0.15, 1)),
        slant=float(rng.normal(0.05, 0.2)),
        wear=float(rng.random()),
    )


def render_line(
    text: str,
    font: Path,
    rng: np.random.Generator,
    style: Style | None = None,
    paper: GreyImage | None = None,
) -> RenderedLine:
    """Draw one line of text.

    Args:
        text: logical order, one line.
        font: a TrueType or OpenType file that has the characters (`covers`).
        paper: grey uint8 of any size, tiled by reflection and laid below the ink; None draws plain paper.

    Raises:
        MissingDependency: Pillow was built without raqm.
        ValueError: nothing was drawn: the text is empty or the font has none of it.
    """
    style = style or Style()
    mask = draw_text(text, font, rng, style)
    if style.pen:
        mask = repen(mask, style.pen, rng)
    mask = warp(mask, rng, style.bend, style.slant)
    return RenderedLine(degrade(ink_on_paper(mask, rng, paper), rng, style.wear), mask, text)


def draw_text(text: str, font: Path, rng: np.random.Generator, style: Style) -> Mask:
    """The ink of a line, cropped to what was drawn and a margin of an eighth of the em."""
    return cropped(draw_on_baseline(text, font, rng, style)[0], style.size // 8 + 2)


def draw_on_baseline(text: str, font: Path, rng: np.random.Generator, style: Style) -> tuple[Mask, int]:
    """The ink of a line with some margin around it, and the row that its baseline is in.

    Raises:
        MissingDependency: Pillow was built without raqm.
        ValueError: nothing was drawn: the text is empty or the font has none of it.
    """
    if not features.check("raqm"):
        raise MissingDependency(
            "This Pillow cannot shape Arabic (no raqm)",
            remedy="Install the Pillow wheel from PyPI (pip install --force-reinstall pillow), or libraqm0.",
        )
    face = face_of(font, style.size)
    words = text.split() if style.hand else [text]
    tiles = [t for w in words if (t := draw_piece(w, face, style.rtl)) is not None]
    if not tiles:
        raise ValueError(f"{font.name} draws nothing of {text!r}")
    if style.hand:
        tiles = [_unsteady(tile, base, rng) for tile, base in tiles]
    if style.rtl:
        tiles = tiles[::-1]
    spaces = [max(3, round(style.size * rng.uniform(0.12, 0.5))) for _ in tiles]
    drift = np.cumsum(rng.normal(0, 0.025 * style.size, len(tiles))) if style.hand else np.zeros(len(tiles))
    margin = style.size // 8 + 2
    above = max(base - dy for (_, base), dy in zip(tiles, drift, strict=True))
    below = max(tile.shape[0] - base + dy for (tile, base), dy in zip(tiles, drift, strict=True))
    width = sum(t.shape[1] for t, _ in tiles) + sum(spaces)
    canvas = np.zeros((int(above + below) + 2 * margin + 2, width + 2 * margin), np.uint8)
    x = margin
    for (tile, base), dy, space in zip(tiles, drift, spaces, strict=True):
        y = margin + int(above - base + dy)
        part = canvas[y : y + tile.shape[0], x : x + tile.shape[1]]
        np.maximum(part, tile[: part.shape[0], : part.shape[1]], out=part)
        x += tile.shape[1] + space
    return canvas, margin + int(above)


def _unsteady(tile: Mask, base: int, rng: np.random.Generator) -> tuple[Mask, int]:
    """A word as a hand would have placed it: a little turned about its baseline, larger or smaller."""
    rows, columns = tile.shape
    scale = float(np.exp(rng.normal(0, 0.08)))
    angle = float(rng.normal(0, 2.0))
    turn = cv2.getRotationMatrix2D((columns / 2, base), angle, scale)
    corners = (
        np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], np.float64) @ turn[:, :2].T + turn[:, 2]
    )
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    turn[:, 2] -= low
    size = tuple(int(v) for v in (high - low))
    return cv2.warpAffine(tile, turn, size, flags=cv2.INTER_LINEAR).astype(np.uint8), round(base - low[1])
