"""Synthetic lines for the line cache: real text in real fonts, cut as the pipeline would cut them.

Each line is a function of (seed, number), so that a cache made anew is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import UsageError
from ocr_core.training.data.corpora import SyntheticSettings
from ocr_core.training.synthetic.arabic import ARABIC
from ocr_core.training.synthetic.drawing import Style, draw_on_baseline
from ocr_core.training.synthetic.fonts import covers, find_fonts, joins
from ocr_core.training.synthetic.latin import LATIN
from ocr_core.training.synthetic.masks import Mask
from ocr_core.training.synthetic.paper import degrade, ink_on_paper
from ocr_core.training.synthetic.strokes import repen
from ocr_core.training.synthetic.writing import SetLine, Writing

WRITINGS = {"arabic": ARABIC, "latin": LATIN}
NOMINAL, PAD = 64, 16
"""Rows of the region that the pipeline would cut, and what is drawn around it on every side, in pixels."""
_BASELINE = 0.72
"""Where the pipeline's crops have their baseline, as a share of their height."""
_BOOK_SHARE = 0.72
_BLOCK = 40
"""Lines of a text that count as one document, held out together."""
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A synthetic line: the part of a text that its words are from, its transcript, and its picture, grey uint8."""

    page: str
    text: str
    pixels: NDArray[np.uint8]


def synthetic_lines(path: Path, settings: SyntheticSettings, seed: int) -> Iterator[DrawnLine]:
    """Draw `settings.lines` lines of the text in a file, on as many processes as the settings say.

    Pictures are `NOMINAL + 2 · PAD` pixels high; the page of a line is the part of the text that its words are from.

    Raises:
        UsageError: the text or the fonts are not there.
    """
    _existing(path)
    _fonts(settings.fonts, settings.script)
    jobs = [
        (path, settings, seed, first, min(first + _CHUNK, settings.lines))
        for first in range(0, settings.lines, _CHUNK)
    ]
    with ProcessPoolExecutor(settings.processes, get_context("spawn")) as pool:
        for lines in pool.map(_some_lines, jobs):
            yield from lines


def synthetic_texts(path: Path, settings: SyntheticSettings, seed: int) -> Iterator[tuple[str, str]]:
    """Page and text of lines as `synthetic_lines` transcribes them, undrawn: for language models.

    Raises:
        UsageError: the text is not there.
    """
    writing = WRITINGS[settings.script]
    texts = _texts(_existing(path), settings.script)
    for number in range(settings.lines):
        line = writing.typeset(texts, np.random.default_rng([seed, number]))
        if line.text:
            yield _page_of(path, line), line.text


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UsageError(
            f"No text {path}", remedy="Check the path of the corpus in the training configuration."
        )
    return path


def _page_of(path: Path, line: SetLine) -> str:
    """The part of the text that its words are from."""
    return f"{path.stem}-{line.source // _BLOCK:05d}"


def _some_lines(job: tuple[Path, SyntheticSettings, int, int, int]) -> list[DrawnLine]:
    path, settings, seed, first, end = job
    cv2.setNumThreads(1)
    writing = WRITINGS[settings.script]
    texts = _texts(path, settings.script)
    book, other = _fonts(settings.fonts, settings.script)
    found = []
    for number in range(first, end):
        rng = np.random.default_rng([seed, number])
        for _ in range(8):
            line = writing.typeset(texts, rng)
            faces = book if (rng.random() < _BOOK_SHARE and book) or not other else other
            font = faces[int(rng.integers(len(faces)))]
            if not line.text or not covers(font, "".join(sorted(set(line.drawn) - {" "}))):
                continue
            try:
                pixels = draw_line(line.drawn, font, rng, writing, hand=bool(rng.random() < settings.hand))
            except ValueError:
                continue
            found.append(DrawnLine(_page_of(path, line), line.text, pixels))
            break
    return found


@lru_cache(maxsize=4)
def _texts(path: Path, script: str) -> tuple[str, ...]:
    return WRITINGS[script].read(path)


@lru_cache(maxsize=4)
def _fonts(root: Path, script: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Book faces and all others that have the letters of a script and join them where they must."""
    writing = WRITINGS[script]
    found = find_fonts(root, writing.sample, exclude=writing.unwanted)
    found = [f for f in found if not writing.rtl or joins(f)]
    if not found:
        raise UsageError(f"No {writing.name} font below {root}", remedy=writing.remedy)
    book = tuple(f for f in found if f.name.startswith(writing.book_faces))
    return book, tuple(f for f in found if f not in book)


def draw_line(
    text: str, font: Path, rng: np.random.Generator, writing: Writing, *, hand: bool
) -> NDArray[np.uint8]:
    """A line as the cache keeps it: grey uint8 [NOMINAL + 2 · PAD, width], dark ink on light ground.

    Its size and place in the strip come from the letters of the font, as those of a crop come from its page, and vary.
    """
    above, below = _reach(font, writing.tall, writing.rtl)
    height = float(NOMINAL * np.exp(rng.normal(0.05, 0.11)))
    size = max(14, round(100 * height / (1.15 * above + 1.25 * below)))
    pen = float(rng.uniform(1.1, 3.2)) if hand and rng.random() < 0.6 else 0.0
    mask, baseline = draw_on_baseline(text, font, rng, Style(size=size, rtl=writing.rtl, hand=hand))
    if pen:
        mask = repen(mask, pen, rng)
    strip = _placed(mask, baseline, PAD + round(NOMINAL * (_BASELINE + rng.normal(0, 0.025))))
    image = ink_on_paper(strip, rng)
    wear = float(rng.random())
    if not hand and rng.random() < 0.35:
        return _photocopied(image, rng)
    return degrade(image, rng, wear * (1.0 if hand else 0.6))


def _placed(mask: Mask, baseline: int, row: int) -> Mask:
    """The ink in a strip of the cache, its baseline in a given row, what does not fit cut off."""
    rows = NOMINAL + 2 * PAD
    strip = np.zeros((rows, mask.shape[1] + 2 * PAD), np.uint8)
    top = row - baseline
    first, last = max(0, -top), min(mask.shape[0], rows - top)
    if last <= first:
        raise ValueError("the ink is beyond the strip")
    strip[top + first : top + last, PAD:-PAD] = mask[first:last]
    return strip


def _photocopied(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Scanned at a low resolution and brought to black and white, or nearly."""
    rows, columns = image.shape
    scale = float(rng.uniform(0.45, 1.1))
    small = cv2.resize(
        image, (max(8, round(columns * scale)), max(8, round(rows * scale))), interpolation=cv2.INTER_AREA
    )
    noise = np.asarray(rng.normal(0, rng.uniform(1, 14), small.shape), dtype=np.float32)
    rough = small.astype(np.float32) + noise
    low, high = float(rough.min()), float(np.median(rough))
    threshold = low + (high - low) * float(rng.uniform(0.35, 0.75))
    slope = float(rng.uniform(3, 30))
    edge: NDArray[np.float32] = np.clip((rough - threshold) / max(high - low, 1) * slope, -30, 30)
    hard = np.asarray(255 / (1 + np.exp(-edge)), dtype=np.uint8)
    back = cv2.resize(hard, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(back, (0, 0), 0.5), dtype=np.uint8)


@lru_cache(maxsize=1024)
def _reach(font: Path, tall: str, rtl: bool) -> tuple[float, float]:
    """How far the letters of a font reach above and below the baseline at an em of 100 pixels."""
    mask, baseline = draw_on_baseline(tall, font, np.random.default_rng(0), Style(size=100, rtl=rtl))
    rows = np.flatnonzero(mask.max(axis=1) > 40)
    return max(float(baseline - rows[0]), 10.0), max(float(rows[-1] - baseline), 10.0)
