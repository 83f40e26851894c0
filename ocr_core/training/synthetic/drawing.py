"""Synthetic lines: real text set in real fonts, made to look printed or written, on paper.

The way of a line: text → mask of ink (`draw_text`; shaped by HarfBuzz through raqm, so that Arabic joins)
→ perhaps a pen instead of type (`repen`) → bent, slanted and uneven (`warp`) → ink on paper (`ink_on_paper`)
→ the traces of scanning (`degrade`). `render_line` does all of it; each step also works on masks from
elsewhere, such as the ink of a real line. Everything random comes from the generator that is passed in.

Masks are uint8 ``[height, width]``, 255 where ink is; images are grey uint8, ink dark on light ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from ocr_core.errors import MissingDependency
from ocr_core.records import GreyImage

Mask = NDArray[np.uint8]

FONT_SUFFIXES = (".ttf", ".otf")


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


# -- fonts and drawing ------------------------------------------------------------------------------------


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
    drawn = _draw("سسس", _face(font, 64), rtl=True)
    if drawn is None:
        return False
    inked = drawn[0].max(axis=0) > 60
    return bool(inked[inked.argmax() : len(inked) - inked[::-1].argmax()].all())


def draw_text(text: str, font: Path, rng: np.random.Generator, style: Style) -> Mask:
    """The ink of a line, cropped to what was drawn and a margin of an eighth of the em."""
    return _crop(draw_on_baseline(text, font, rng, style)[0], style.size // 8 + 2)


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
    face = _face(font, style.size)
    words = text.split() if style.hand else [text]
    tiles = [t for w in words if (t := _draw(w, face, style.rtl)) is not None]
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


# -- from type to handwriting -----------------------------------------------------------------------------


def repen(mask: Mask, width: float, rng: np.random.Generator) -> Mask:
    """Draw the middle of each stroke again with a nib of `width` pixels: broad or round, pressed unevenly.

    A dot becomes the mark that the nib leaves.
    """
    line = thin((mask > 110).astype(np.uint8))
    nibs = []
    angle = float(rng.uniform(0, 180))
    flat = float(rng.uniform(0.35, 1.0))
    for scale in (0.65, 1.0, 1.4):
        side = max(3, 2 * round(width * scale) + 1)
        nib = np.zeros((side, side), np.uint8)
        centre = (side - 1) / 2
        box = ((centre, centre), (max(1.0, width * scale), max(1.0, width * scale * flat)), angle)
        cv2.ellipse(nib, box, 1, -1)
        nib[side // 2, side // 2] = 1
        nibs.append(cv2.dilate(line, nib))
    pressure = _field(mask.shape, max(8, mask.shape[0] // 2), rng)
    drawn = np.where(pressure < -0.5, nibs[0], np.where(pressure > 0.7, nibs[2], nibs[1]))
    return _u8(cv2.GaussianBlur(drawn * np.uint8(255), (0, 0), 0.6))


def thin(binary: Mask) -> Mask:
    """Skeleton of a 0/1 image, one pixel wide.

    Zhang and Suen, *A fast parallel algorithm for thinning digital patterns* (1984), each half-step as one
    look-up over the code of the eight neighbours.
    """
    image = cv2.copyMakeBorder(binary, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    first, second = _thinning_tables()
    for _ in range(64):
        before = image
        for table in (first, second):
            codes = cv2.filter2D(image, cv2.CV_32F, _CODE, borderType=cv2.BORDER_CONSTANT).astype(np.uint8)
            image = cv2.subtract(image, cv2.min(image, cv2.LUT(codes, table)))
        if not cv2.absdiff(before, image).any():
            break
    return _u8(image[1:-1, 1:-1])


def warp(mask: Mask, rng: np.random.Generator, bend: float, slant: float) -> Mask:
    """Shear by `slant`, let the baseline wave and the letters distort by `bend` (0..1), and crop again."""
    height = mask.shape[0]
    if bend <= 0 and abs(slant) < 0.01:
        return mask
    room = round(0.15 * height + 4)
    side = round(abs(slant) * height / 2) + room
    padded = cv2.copyMakeBorder(mask, room, room, side, side, cv2.BORDER_CONSTANT, value=0)
    rows, columns = padded.shape
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    wave = bend * height * 0.06 * _field((1, columns), max(16, 3 * height), rng)
    coarse = bend * height * 0.035
    dx = coarse * _field(padded.shape, max(6, height // 3), rng)
    dy = coarse * _field(padded.shape, max(6, height // 3), rng) + wave
    map_x = x + dx + np.float32(slant) * (y - rows / 2)
    bent = cv2.remap(padded, map_x.astype(np.float32), (y + dy).astype(np.float32), cv2.INTER_LINEAR)
    return _crop(_u8(bent), max(3, height // 12))


# -- ink, paper, scanner ----------------------------------------------------------------------------------


def ink_on_paper(mask: Mask, rng: np.random.Generator, paper: GreyImage | None = None) -> GreyImage:
    """Lay ink of uneven strength on paper. Same shape as `mask`."""
    shape = mask.shape
    if paper is None:
        level = float(rng.uniform(170, 250))
        ground = (
            level + rng.uniform(0, 8) * _field(shape, 40, rng) + rng.uniform(0, 4) * _field(shape, 3, rng)
        )
    else:
        ground = _tile(paper, shape, rng).astype(np.float32)
    strength = float(rng.uniform(0.5, 1.0)) + 0.12 * _field(shape, max(6, shape[0] // 2), rng)
    cover = mask.astype(np.float32) / 255 * np.clip(strength, 0.25, 1)
    colour = float(rng.uniform(5, 70))
    return np.clip(ground * (1 - cover) + colour * cover, 0, 255).astype(np.uint8)


def rule(image: GreyImage, rng: np.random.Generator) -> GreyImage:
    """Draw writing rules, or an underline, or a border, faint or dark, in place on a copy."""
    rows, columns = image.shape
    out = image.copy()
    shade = int(np.clip(float(np.median(image)) * rng.uniform(0.35, 0.92), 0, 255))
    weight = int(rng.integers(1, max(2, rows // 24) + 1))
    if rng.random() < 0.8:
        gap = float(rng.uniform(0.35, 1.1)) * rows
        start = float(rng.uniform(0, gap))
        tilt = float(rng.normal(0, 0.008)) * columns
        while start < rows:
            cv2.line(out, (0, round(start)), (columns, round(start + tilt)), shade, weight, cv2.LINE_AA)
            start += gap
    if rng.random() < 0.35:
        gap = float(rng.uniform(0.3, 3)) * rows
        start = float(rng.uniform(0, gap))
        while start < columns:
            cv2.line(out, (round(start), 0), (round(start), rows), shade, weight, cv2.LINE_AA)
            start += gap
    return out


def degrade(image: GreyImage, rng: np.random.Generator, wear: float) -> GreyImage:
    """Traces of pen, time and scanner, as strong as `wear` (0..1). Same shape."""
    if wear <= 0:
        return image
    if rng.random() < 0.35 * wear + 0.1:
        image = rule(image, rng)
    work = image
    if rng.random() < 0.7:
        work = _u8(cv2.GaussianBlur(work, (0, 0), float(rng.uniform(0.3, 0.4 + 1.6 * wear))))
    if rng.random() < 0.4 * wear:  # a worse scanner
        shape = work.shape
        scale = float(rng.uniform(0.4, 0.9))
        small = cv2.resize(work, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        work = _u8(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.6:
        noise = rng.normal(0, 1 + 9 * wear * rng.random(), work.shape).astype(np.float32)
        work = np.clip(work + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(25, 90))
        packed = cv2.imencode(".jpg", work, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        work = _u8(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))
    return work


# -- helpers ----------------------------------------------------------------------------------------------

_CODE = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


@lru_cache(maxsize=1)
def _thinning_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Which codes of neighbours (bits clockwise from above) allow a pixel to go, in each half-step."""
    tables = np.zeros((2, 256), np.uint8)
    for code in range(256):
        n = [(code >> i) & 1 for i in range(8)]  # p2, p3 … p9 of the paper
        rises = sum(n[i] == 0 and n[(i + 1) % 8] == 1 for i in range(8))
        if 2 <= sum(n) <= 6 and rises == 1:
            tables[0, code] = n[0] * n[2] * n[4] == 0 and n[2] * n[4] * n[6] == 0
            tables[1, code] = n[0] * n[2] * n[6] == 0 and n[0] * n[4] * n[6] == 0
    return tables[0], tables[1]


@lru_cache(maxsize=512)
def _face(font: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.RAQM)


def _shape(face: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    drawn = face.getmask(character)
    return drawn.size, bytes(drawn)


def _draw(text: str, face: ImageFont.FreeTypeFont, rtl: bool) -> tuple[Mask, int] | None:
    """The mask of a piece of text cropped to its ink, and the row of its baseline in it."""
    direction = "rtl" if rtl else "ltr"
    x0, y0, x1, y1 = (int(v) for v in face.getbbox(text, direction=direction, anchor="ls"))
    if x1 - x0 < 1 or y1 - y0 < 1 or x1 - x0 > 12000:
        return None
    canvas = Image.new("L", (x1 - x0 + 4, y1 - y0 + 4), 0)
    ImageDraw.Draw(canvas).text((2 - x0, 2 - y0), text, 255, face, direction=direction, anchor="ls")
    mask = np.asarray(canvas, dtype=np.uint8)
    return (mask, 2 - y0) if mask.any() else None


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


def _field(shape: tuple[int, ...], cell: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of about unit variance, float32, that changes over about `cell` pixels."""
    rows, columns = shape
    small = rng.normal(0, 1, (rows // cell + 2, columns // cell + 2)).astype(np.float32)
    return (
        cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
        .astype(np.float32)
        .reshape(rows, columns)
    )


def _u8(values: object) -> NDArray[np.uint8]:
    return np.asarray(values, dtype=np.uint8)


def _crop(mask: Mask, margin: int) -> Mask:
    """What holds ink, with a margin of empty rows and columns."""
    rows, columns = np.flatnonzero(mask.max(axis=1) > 40), np.flatnonzero(mask.max(axis=0) > 40)
    if not len(rows):
        return mask
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cv2.copyMakeBorder(inner, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0).astype(
        np.uint8
    )


def _tile(paper: GreyImage, shape: tuple[int, ...], rng: np.random.Generator) -> GreyImage:
    """A piece of paper of `shape`, from a random place, continued by reflection where it is smaller."""
    rows, columns = shape
    down, right = max(0, rows - paper.shape[0]), max(0, columns - paper.shape[1])
    large = np.pad(paper, ((0, down), (0, right)), mode="symmetric") if down or right else paper
    y, x = (int(rng.integers(0, have - want + 1)) for have, want in zip(large.shape, shape, strict=True))
    return large[y : y + rows, x : x + columns]
