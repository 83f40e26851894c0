"""Synthetic Arabic pages: the lines of real layouts, filled with real text set in fonts.

The layouts come as PAGE XML without pictures: where lines run and how high they are is real, only their letters are set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import UsageError
from ocr_core.ground_truth import read_page
from ocr_core.imaging.clean import LONGEST
from ocr_core.records import GreyImage
from ocr_core.training.layout.config import PageTrainSettings
from ocr_core.training.layout.targets import PageLine, Points
from ocr_core.training.synthetic.arabic import ARABIC
from ocr_core.training.synthetic.drawing import draw_text, random_style
from ocr_core.training.synthetic.fonts import find_fonts, joins
from ocr_core.training.synthetic.strokes import repen
from ocr_core.training.synthetic.words import arabic_text

SYNTHETIC = "synthetic-arabic"
"""The corpus that synthetic pages count as."""
_LOWEST = 8.0
"""Pixels: lower lines are not drawn."""


def synthetic_pages(settings: PageTrainSettings) -> Iterator[tuple[GreyImage, list[PageLine]]]:
    """Evened pages, grey uint8 [height, width], and their lines, from layouts taken in turn.

    Raises:
        UsageError: there are no layouts, no text or no Arabic fonts.
    """
    wanted = settings.synthetic
    rng = np.random.default_rng(settings.run.seed)
    files = sorted(f for folder in wanted.layouts for f in (settings.data / folder).rglob("*.xml"))
    fonts = [f for f in find_fonts(wanted.fonts, ARABIC.sample) if joins(f)]
    text = (settings.data / wanted.text).read_text("utf-8").splitlines()
    if not files or not fonts:
        raise UsageError(
            f"No layouts below {wanted.layouts} or no Arabic fonts below {wanted.fonts}",
            remedy="Correct [synthetic] in the training configuration, or take it out.",
        )
    order = rng.permutation(len(files))
    for number in range(wanted.pages):
        yield _page(files[order[number % len(files)]], fonts, text, rng)


def _page(
    file: Path, fonts: Sequence[Path], text: Sequence[str], rng: np.random.Generator
) -> tuple[GreyImage, list[PageLine]]:
    layout = read_page(file)
    lines = [(line.baseline, line.polygon) for line in layout.lines if len(line.baseline)]
    width, height = layout.size or np.concatenate([b for b, _ in lines]).max(axis=0) + 50
    scale = LONGEST / max(width, height)
    page = np.full((round(height * scale), round(width * scale)), 255, np.uint8)
    hand = rng.random() < 0.6
    style, font = random_style(rng, rtl=True, hand=bool(hand)), fonts[int(rng.integers(len(fonts)))]
    ink = float(rng.uniform(0.55, 1.0))
    heights = [np.ptp(polygon[:, 1]) for _, polygon in lines if len(polygon)]
    usual = float(np.median(heights)) if heights else 0.7 * _pitch([b for b, _ in lines])
    drawn = []
    for baseline, polygon in lines:
        baseline = baseline[np.argsort(baseline[:, 0], kind="stable")] * scale
        tall = scale * float(
            np.clip(np.ptp(polygon[:, 1]) if len(polygon) else usual, 0.6 * usual, 1.4 * usual)
        )
        run = float(baseline[-1, 0] - baseline[0, 0])
        if tall < _LOWEST or run < tall or abs(baseline[-1, 1] - baseline[0, 1]) > 0.5 * run:
            continue
        words = arabic_text(text, rng)
        while len(words) < 0.9 * run / tall * 2.2:
            words += " " + arabic_text(text, rng)
        try:
            mask = draw_text(words, font, rng, style)
        except ValueError:
            continue
        if style.pen:
            mask = repen(mask, style.pen * 0.6, rng)
        done = _lay(page, mask, baseline, tall, ink)
        if done is not None:
            drawn.append(done)
    return page, drawn


def _lay(
    page: GreyImage, mask: NDArray[np.uint8], baseline: Points, tall: float, ink: float
) -> PageLine | None:
    """Draw the ink of a straight line of text along a baseline, fitted to its length; what was drawn."""
    rows, columns = mask.shape
    foot = _foot(mask)
    across, down = (baseline[-1, 0] - baseline[0, 0]) / columns, 0.95 * tall / rows
    across = float(np.clip(across, 0.6 * down, 1.5 * down))
    width, height = max(4, round(columns * across)), max(4, round(rows * down))
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    # Arabic begins on the right: where the text is shorter than the baseline, it ends early on the left.
    right = min(int(baseline[-1, 0]), page.shape[1] - 1)
    xs = np.arange(max(0, right - width + 1, int(baseline[0, 0])), right + 1)
    if len(xs) < 8:
        return None
    small = small[:, -len(xs) :]
    base = np.interp(xs, baseline[:, 0], baseline[:, 1])
    top = int(np.floor(base.min() - foot * height)) - 1
    band = int(np.ceil(np.ptp(base))) + height + 3
    rows_at = (
        np.arange(band, dtype=np.float32)[:, None] + top - (base - foot * height)[None, :].astype(np.float32)
    )
    columns_at = np.broadcast_to(np.arange(len(xs), dtype=np.float32), rows_at.shape)
    moved = cv2.remap(small, np.ascontiguousarray(columns_at), rows_at, cv2.INTER_LINEAR, borderValue=0)
    low, high = max(0, top), min(page.shape[0], top + band)
    if high <= low:
        return None
    place = page[low:high, xs[0] : xs[-1] + 1]
    dark = 255 - moved[low - top : high - top].astype(np.float32) * ink
    np.minimum(place, dark.astype(np.uint8), out=place)
    return PageLine(np.stack([xs[[0, *range(20, len(xs) - 1, 40), -1]], base[[0, *range(20, len(xs) - 1, 40), -1]]], axis=1),
                    foot * height, (1 - foot) * height)  # fmt: skip


def _foot(mask: NDArray[np.uint8]) -> float:
    """Where the baseline of set Arabic lies, as a share of the height: just below the row with the most ink."""
    profile = mask.astype(np.float64).sum(axis=1)
    peak = int(profile.argmax())
    below = np.flatnonzero(profile[peak:] < 0.5 * profile[peak])
    return min((peak + (int(below[0]) if len(below) else 1)) / len(profile), 1.0)


def _pitch(baselines: Sequence[Points]) -> float:
    levels = np.sort([float(b[:, 1].mean()) for b in baselines])
    steps = np.diff(levels)
    return float(np.median(steps[steps > 3])) if (steps > 3).any() else 40.0
