"""Fonts: which have the characters of a text, and pieces of text set in them (shaped by HarfBuzz through raqm)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_core.training.synthetic.masks import Mask

FONT_SUFFIXES: Final = (".ttf", ".otf")


def find_fonts(root: Path, sample: str, *, exclude: Sequence[str] = ()) -> list[Path]:
    """The fonts below `root`, by path, that have every character of `sample`.

    Args:
        exclude: parts of file names that are not wanted.
    """
    found = (p for p in root.rglob("*") if p.suffix.lower() in FONT_SUFFIXES)
    return sorted(p for p in found if not any(e in p.name for e in exclude) and covers(p, sample))


@lru_cache(maxsize=4096)
def covers(font: Path, sample: str) -> bool:
    """Whether a font draws every character of `sample` differently from a character that no font has."""
    try:
        face = ImageFont.truetype(str(font), 32, layout_engine=ImageFont.Layout.BASIC)
        missing = _shape(face, "\U0010fffe")
        return all(_shape(face, c) != missing and any(_shape(face, c)[1]) for c in sample)
    except OSError:
        return False


@lru_cache(maxsize=4096)
def joins(font: Path) -> bool:
    """Whether a font joins Arabic letters: some have the letters but not the tables that shape them."""
    drawn = draw_piece("سسس", face_of(font, 64), rtl=True)
    if drawn is None:
        return False
    inked = drawn[0].max(axis=0) > 60
    return bool(inked[inked.argmax() : len(inked) - inked[::-1].argmax()].all())


@lru_cache(maxsize=512)
def face_of(font: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.RAQM)


def draw_piece(text: str, face: ImageFont.FreeTypeFont, rtl: bool) -> tuple[Mask, int] | None:
    """The mask of a piece of text cropped to its ink, and the row of its baseline in it."""
    direction = "rtl" if rtl else "ltr"
    x0, y0, x1, y1 = (int(v) for v in face.getbbox(text, direction=direction, anchor="ls"))
    if x1 - x0 < 1 or y1 - y0 < 1 or x1 - x0 > 12000:
        return None
    canvas = Image.new("L", (x1 - x0 + 4, y1 - y0 + 4), 0)
    ImageDraw.Draw(canvas).text((2 - x0, 2 - y0), text, 255, face, direction=direction, anchor="ls")
    mask = np.asarray(canvas, dtype=np.uint8)
    return (mask, 2 - y0) if mask.any() else None


def _shape(face: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    drawn = face.getmask(character)
    return drawn.size, bytes(drawn)
