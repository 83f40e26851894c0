"""Synthetic pages of two scripts, to measure how the lines of such pages are routed: never trained on.

An Arabic letter with an English name or address in it, an English letter under an Arabic signature, paragraphs in turn; most
with a date or a number on a line of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocr_core.records import Box, GreyImage, Script
from ocr_core.training.script.corpus import has_letters
from ocr_core.training.script.drawing import Material, ink_mask
from ocr_core.training.synthetic.drawing import Style, draw_text, random_style
from ocr_core.training.synthetic.masks import Mask
from ocr_core.training.synthetic.paper import degrade, ink_on_paper
from ocr_core.training.synthetic.strokes import repen, warp
from ocr_core.training.synthetic.words import arabic_text, latin_text

HEIGHT, WIDTH = 1900, 1350
MARGIN = 100
KINDS = ("name", "signature", "paragraphs")


@dataclass(frozen=True, slots=True)
class MixedLine:
    """A line of a drawn page: its ink lies in `box`; NONE is a line of digits."""

    script: Script
    box: Box


@dataclass(frozen=True, slots=True)
class MixedPage:
    """A drawn page, grey uint8 [HEIGHT, WIDTH], and its lines from top to bottom."""

    kind: str
    pixels: GreyImage
    lines: tuple[MixedLine, ...]


@dataclass(frozen=True, slots=True)
class _Writer:
    """One hand or type of a page."""

    material: Material
    script: Script
    font: int
    style: Style
    redraws: bool
    rng: np.random.Generator

    def line(self, share: float) -> Mask:
        """The ink of a line that fills about a `share` (0..1) of the page's width.

        Raises:
            ValueError: text and font do not fit each other.
        """
        material, rng = self.material, self.rng
        wide = round(share * (WIDTH - 2 * MARGIN))
        if self.redraws:
            source = material.ink_sources[rng.integers(len(material.ink_sources))]
            if not has_letters(source.text):
                raise ValueError("no letters on this line")
            mask = ink_mask(source.faded)
            if not 2 < mask.mean() < 90:
                raise ValueError("no clean ink on this line")
            mask = np.ascontiguousarray(mask[:, : max(wide, 250)])
        else:
            rtl = self.script is Script.ARABIC
            fonts = material.arabic_fonts if rtl else material.latin_fonts
            texts = material.arabic_text if rtl else material.latin_text
            text = arabic_text(texts, rng) if rtl else latin_text(texts, rng)
            while len(text) * 0.42 * self.style.size < 0.8 * wide:
                text += " " + (arabic_text(texts, rng) if rtl else latin_text(texts, rng))
            mask = draw_text(
                text[: max(4, int(wide / 0.42 / self.style.size))], fonts[self.font], rng, self.style
            )
            if self.style.pen:
                mask = repen(mask, self.style.pen, rng)
        return warp(mask, rng, self.style.bend, self.style.slant)

    def digits(self) -> Mask:
        fonts = self.material.arabic_fonts if self.script is Script.ARABIC else self.material.latin_fonts
        signs = "٠١٢٣٤٥٦٧٨٩" if self.script is Script.ARABIC else "0123456789"
        text = "".join(signs[i] for i in self.rng.integers(0, 10, int(self.rng.integers(2, 7))))
        return draw_text(text, fonts[self.font], self.rng, self.style)


def draw_mixed_page(kind: str, material: Material, rng: np.random.Generator) -> MixedPage:
    """A page of one of `KINDS`. English is set, or redrawn from real lines where the material has some."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    pitch = int(rng.integers(84, 120))
    writers = {script: _writer(script, material, pitch, rng) for script in (Script.ARABIC, Script.LATIN)}
    lines: list[MixedLine] = []
    y = MARGIN
    for script, share in _order(kind, (HEIGHT - 2 * MARGIN) // pitch - 1, rng):
        digits = script is Script.NONE
        writer = writers[Script.ARABIC if kind == "name" else Script.LATIN] if digits else writers[script]
        ink = _drawn(writer, 0.0 if digits else share)
        box = _lay(mask, ink, y, pitch, writer.script is Script.ARABIC)
        lines.append(MixedLine(script, box))
        y += pitch
    paper = material.papers[rng.integers(len(material.papers))] if material.papers else None
    page = ink_on_paper(mask, rng, paper)
    wear, seed = 0.5 * float(rng.random()), int(rng.integers(2**32))
    # Worn line by line, every line alike: rules and blur are of the size of lines, not of the page.
    bands = [page[top : top + pitch] for top in range(0, HEIGHT, pitch)]
    worn = np.concatenate([degrade(band, np.random.default_rng(seed), wear) for band in bands])
    return MixedPage(kind, worn, tuple(lines))


def _writer(script: Script, material: Material, pitch: int, rng: np.random.Generator) -> _Writer:
    rtl = script is Script.ARABIC
    hand = bool(rng.random() < 0.6)
    style = random_style(rng, rtl=rtl, hand=hand)
    style = Style(round(0.55 * pitch), rtl, hand, 0.7 * style.pen, 0.6 * style.bend, style.slant, style.wear)
    font = int(rng.integers(len(material.arabic_fonts if rtl else material.latin_fonts)))
    redraws = not rtl and bool(material.ink_sources) and bool(rng.random() < 0.6)
    return _Writer(material, script, font, style, redraws, rng)


def _order(kind: str, room: int, rng: np.random.Generator) -> list[tuple[Script, float]]:
    """Script and length of each line, as a share of the page's width."""
    count = int(rng.integers(9, max(10, room)))
    most, least = (Script.LATIN, Script.ARABIC) if kind == "signature" else (Script.ARABIC, Script.LATIN)
    lines = [(most, float(rng.uniform(0.75, 1)) if rng.random() < 0.8 else 0.4) for _ in range(count)]
    if kind == "paragraphs":
        at = 0
        while at < count:
            most, least = least, most
            for place in range(at, at := min(count, at + int(rng.integers(2, 6)))):
                lines[place] = (most, lines[place][1])
    elif kind == "signature":
        for place in range(count - int(rng.integers(1, 3)), count):
            lines[place] = (least, float(rng.uniform(0.2, 0.6)))
    else:
        for place in rng.choice(count, int(rng.integers(1, 4)), replace=False):
            lines[place] = (least, float(rng.uniform(0.2, 0.7)))
    if rng.random() < 0.6:
        lines.insert(0 if rng.random() < 0.6 else len(lines), (Script.NONE, 0.0))
    return lines


def _drawn(writer: _Writer, share: float) -> Mask:
    """Ink of a line; drawn again where text and font do not fit each other."""
    for _ in range(50):
        try:
            return writer.line(share) if share else writer.digits()
        except ValueError:
            continue
    raise ValueError("no line of this material can be drawn")


def _lay(page: Mask, ink: Mask, y: int, pitch: int, rtl: bool) -> Box:
    """Put the ink of a line into its slot of the page, at the margin its script begins at; where its ink is."""
    rows, columns = ink.shape
    scale = min(1.15 * pitch / rows, (WIDTH - 2 * MARGIN) / columns, 1.0)
    small = np.asarray(
        cv2.resize(
            ink, (max(2, round(columns * scale)), max(2, round(rows * scale))), interpolation=cv2.INTER_AREA
        )
    )
    rows, columns = small.shape
    x = WIDTH - MARGIN - columns if rtl else MARGIN
    top = y + (pitch - rows) // 2
    part = page[top : top + rows, x : x + columns]
    np.maximum(part, small, out=part)
    inked = small > 64
    xs, ys = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    return Box(x + int(xs[0]), top + int(ys[0]), x + int(xs[-1]) + 1, top + int(ys[-1]) + 1)


def line_at(lines: Sequence[MixedLine], box: Box) -> MixedLine | None:
    """The true line that a found box shares most with, over a third of the lower one's height and some of its width."""
    best, most = None, 0
    for line in lines:
        wide = min(line.box.x1, box.x1) - max(line.box.x0, box.x0)
        tall = min(line.box.y1, box.y1) - max(line.box.y0, box.y0)
        if wide > 0 and 3 * tall > min(line.box.height, box.height) and wide * tall > most:
            best, most = line, wide * tall
    return best
