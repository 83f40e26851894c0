"""Synthetic lines of every class to train the script network on.

Real handwriting is Latin here and Arabic is synthetic, so nothing but the letters may tell them apart: Latin text is set by
the same renderer, real Latin lines are redrawn by it (their ink taken off and laid on other paper with another pen), and
synthetic lines use the paper of real pages.
"""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ocr_core.records import GreyImage
from ocr_core.script.windows import scale_to_height, to_ink
from ocr_core.training.script.corpus import (
    ARABIC,
    HAND,
    LATIN,
    NONE,
    OTHER,
    PRINT,
    STORED_HEIGHT,
    UNKNOWN,
    RealLine,
    Sample,
    has_letters,
)
from ocr_core.training.synthetic import arabic, latin
from ocr_core.training.synthetic.drawing import random_style, render_line
from ocr_core.training.synthetic.fonts import covers, find_fonts, joins
from ocr_core.training.synthetic.masks import Mask
from ocr_core.training.synthetic.paper import degrade, ink_on_paper, rule
from ocr_core.training.synthetic.strokes import repen, warp
from ocr_core.training.synthetic.words import arabic_text, latin_text, shelf_mark

WRITTEN_FONTS = (
    "Dancing", "Joscelyn", "Breip", "breip", "Ecolier", "femke", "dkg", "Kristi", "Rufscript", "Delphine",
    "SteveHand", "BecauseWe", "Havana", "Humor",
)  # fmt: skip
OTHER_BLOCKS = {
    "Hebrew": (0x05D0, 0x05EA), "Devanagari": (0x0905, 0x0939), "Bengali": (0x0985, 0x09B9),
    "Gujarati": (0x0A85, 0x0AB9), "Tamil": (0x0B85, 0x0BB9), "Telugu": (0x0C05, 0x0C39),
    "Thai": (0x0E01, 0x0E2E), "Georgian": (0x10D0, 0x10F0), "Armenian": (0x0561, 0x0586),
    "Ethiopic": (0x1200, 0x1246), "Khmer": (0x1780, 0x17A2), "Sinhala": (0x0D9A, 0x0DC6),
    "Malayalam": (0x0D15, 0x0D39), "Myanmar": (0x1000, 0x1020),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """What synthetic lines are made of. Fonts are paths; `ink_sources` are real lines to be redrawn."""

    arabic_fonts: tuple[Path, ...]
    latin_fonts: tuple[Path, ...]
    other_fonts: tuple[tuple[str, Path], ...]
    arabic_text: tuple[str, ...]
    latin_text: tuple[str, ...]
    papers: tuple[GreyImage, ...]
    ink_sources: tuple[RealLine, ...] = ()


def all_fonts(root: Path) -> tuple[list[Path], list[Path], list[tuple[str, Path]]]:
    """Arabic, Latin and other fonts below a folder."""
    joining = [
        f
        for f in find_fonts(root, arabic.ARABIC.sample)
        if joins(f) and not f.name.startswith("DejaVuSansMono")
    ]
    plain = find_fonts(
        root, latin.LATIN.sample, exclude=("Nushu", "Awami", "Math", "ae_", "PakType", "Nafees")
    )
    other = [
        (name, font)
        for name, (low, _) in OTHER_BLOCKS.items()
        for font in sorted(root.rglob(f"Noto*{name}-*"))
        if covers(font, chr(low))
    ]
    return joining, plain, other


def synthetic_sample(kind: str, material: Material, rng: np.random.Generator) -> Sample:
    """A synthetic line of a kind: `arabic`, `latin`, `other`, `redrawn` (a real Latin line) or `none`.

    Raises:
        ValueError: the text and the font drawn do not fit each other; draw again.
    """
    paper = (
        material.papers[rng.integers(len(material.papers))]
        if material.papers and rng.random() < 0.7
        else None
    )
    hand = bool(rng.random() < 0.6)
    if kind == "arabic":
        font = material.arabic_fonts[rng.integers(len(material.arabic_fonts))]
        style = random_style(rng, rtl=True, hand=hand)
        line = render_line(arabic_text(material.arabic_text, rng), font, rng, style, paper)
        # Type that is hardly distorted does not look written.
        looks = None if hand and not style.pen and style.bend < 0.5 else hand
        return _sample(_perhaps_boxed(line.pixels, rng), ARABIC, looks, "synthetic-arabic")
    if kind == "latin":
        font = material.latin_fonts[rng.integers(len(material.latin_fonts))]
        hand = hand or font.name.startswith(WRITTEN_FONTS)
        style = random_style(rng, rtl=False, hand=hand)
        if not hand and rng.random() < 0.2:
            style = replace(style, slant=float(rng.uniform(0.12, 0.28)))  # italics
        text = shelf_mark(rng) if rng.random() < 0.15 else latin_text(material.latin_text, rng)
        line = render_line(text, font, rng, style, paper)
        return _sample(_perhaps_boxed(line.pixels, rng), LATIN, hand, "synthetic-latin")
    if kind == "other":
        name, font = material.other_fonts[rng.integers(len(material.other_fonts))]
        style = random_style(rng, rtl=name == "Hebrew", hand=hand)
        line = render_line(_other_text(name, rng), font, rng, style, paper)
        return _sample(line.pixels, OTHER, hand, "synthetic-other")
    if kind == "redrawn":
        source = material.ink_sources[rng.integers(len(material.ink_sources))]
        mask = ink_mask(source.faded)
        if mask.mean() > 90 or mask.mean() < 2:
            raise ValueError("no clean ink on this line")
        if source.hand == HAND and rng.random() < 0.6:
            mask = repen(mask, float(rng.uniform(1.8, 7)), rng)
        mask = warp(mask, rng, float(rng.uniform(0, 0.6)), float(rng.normal(0, 0.12)))
        pixels = degrade(ink_on_paper(mask, rng, paper), rng, float(rng.random()))
        return _sample(
            pixels,
            LATIN if has_letters(source.text) else NONE,
            None if source.hand == UNKNOWN else source.hand == HAND,
            "redrawn",
        )
    return _sample(_nothing_to_read(material, rng, paper), NONE, None, "none")


def ink_mask(pixels: GreyImage) -> Mask:
    """The ink of a real line as a mask (Otsu's threshold on the evened line)."""
    evened = np.rint(to_ink(pixels) * 255).astype(np.uint8)
    _, binary = cv2.threshold(evened, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), dtype=np.uint8)


def _perhaps_boxed(pixels: GreyImage, rng: np.random.Generator, share: float = 0.08) -> GreyImage:
    """Now and then with sides of a box around the line, as in tables and on slides."""
    if rng.random() >= share:
        return pixels
    rows, columns = pixels.shape
    out = pixels.copy()
    shade, weight = int(np.percentile(pixels, 1)), int(rng.integers(1, 4))
    left, right = (int(rng.integers(0, 12)) for _ in range(2))
    top, bottom = (int(rng.integers(0, max(2, rows // 8))) for _ in range(2))
    corners = [
        (left, top),
        (columns - 1 - right, top),
        (columns - 1 - right, rows - 1 - bottom),
        (left, rows - 1 - bottom),
    ]
    for one, other in itertools.pairwise([*corners, corners[0]]):
        if rng.random() < 0.75:
            cv2.line(out, one, other, shade, weight)
    return out


def _other_text(name: str, rng: np.random.Generator) -> str:
    low, high = OTHER_BLOCKS[name]
    letters = [chr(c) for c in range(low, high + 1) if unicodedata.category(chr(c)).startswith("L")]
    lengths = rng.integers(2, 8, int(rng.integers(1, 8)))
    return " ".join("".join(letters[i] for i in rng.integers(0, len(letters), n)) for n in lengths)


def _nothing_to_read(material: Material, rng: np.random.Generator, paper: GreyImage | None) -> GreyImage:
    """Digits and punctuation alone, rules, blots, flourishes, empty paper."""
    choice = rng.random()
    if choice < 0.5:
        rtl = bool(rng.random() < 0.4)
        font = material.arabic_fonts if rtl else material.latin_fonts
        signs = "٠١٢٣٤٥٦٧٨٩" if rtl else "0123456789"
        text = "".join(signs[i] for i in rng.integers(0, 10, int(rng.integers(1, 7))))
        frame = (
            "{}",
            "({})",
            "- {} -",
            "[{}]",
            "{}.",
            "{} / {}",
            "{}-{}",
            "* * *",
            "— — —",
            "....",
            "{}, {}",
        )
        text = frame[rng.integers(len(frame))].format(text, text[::-1])
        style = random_style(rng, rtl=rtl, hand=bool(rng.random() < 0.6))
        return render_line(text, font[rng.integers(len(font))], rng, style, paper).pixels
    rows, columns = 80, int(rng.integers(120, 700))
    mask = np.zeros((rows, columns), np.uint8)
    if choice < 0.7:  # blots and stray strokes
        for _ in range(int(rng.integers(1, 6))):
            x, y = int(rng.integers(columns)), int(rng.integers(rows))
            axes = (int(rng.integers(1, 30)), int(rng.integers(1, 14)))
            cv2.ellipse(mask, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
        mask = warp(mask, rng, 1.0, 0.0)
    elif choice < 0.8:  # a long stroke, straight or curled
        points = np.cumsum(rng.normal((12, 0), (6, 7), (int(columns // 14), 2)), axis=0) + (10, rows / 2)
        cv2.polylines(mask, [points.astype(np.int32)], False, 255, int(rng.integers(1, 6)), cv2.LINE_AA)
    elif choice < 0.93:
        _draw_border(mask, rng)
    image = ink_on_paper(mask, rng, paper)
    if rng.random() < 0.5:
        image = rule(image, rng)
    return degrade(image, rng, float(rng.random()))


def _draw_border(mask: Mask, rng: np.random.Generator) -> None:
    """A piece of a frame into `mask`: a row of dots or dashes, a bar, a box, perhaps with a corner."""
    rows, columns = mask.shape
    weight = int(rng.integers(1, 6))
    for y in rng.integers(4, rows - 4, int(rng.integers(1, 3))):
        step = int(rng.integers(2, 8)) * weight
        dash = 1 if rng.random() < 0.6 else step // 2
        for x in range(int(rng.integers(0, 30)), columns, max(step, dash + 2 * weight)):
            cv2.line(mask, (x, int(y)), (x + dash - 1, int(y)), 255, weight)
    if rng.random() < 0.4:
        radius = int(rng.integers(5, rows // 2))
        cv2.ellipse(mask, (radius + 4, rows // 2), (radius, radius), 0, 90, 270, 255, weight)
    if rng.random() < 0.3:
        x0, y0 = int(rng.integers(0, columns // 2)), int(rng.integers(0, rows // 2))
        corner = (x0 + int(rng.integers(20, columns)), y0 + int(rng.integers(8, rows)))
        cv2.rectangle(mask, (x0, y0), corner, 255, -1 if rng.random() < 0.5 else weight)


def _sample(pixels: GreyImage, script: int, hand: bool | None, source: str) -> Sample:
    written = UNKNOWN if hand is None else HAND if hand else PRINT
    return Sample(scale_to_height(pixels, STORED_HEIGHT), script, written, source)
