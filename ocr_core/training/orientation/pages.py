"""Synthetic pages of print and typescript for the network of orientation: corpora have few of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from ocr_core.errors import UsageError
from ocr_core.ground_truth import find_pages
from ocr_core.records import GreyImage
from ocr_core.training.layout.config import OrientationTrainSettings
from ocr_core.training.synthetic.drawing import Style, draw_text
from ocr_core.training.synthetic.fonts import find_fonts
from ocr_core.training.synthetic.latin import LATIN

SYNTHETIC_LATIN = "synthetic-latin"
_TYPEWRITER = ("Mono", "Courier", "Cursor", "Typewriter")
_SHAPE = (1200, 900)
"""Rows and columns of a page, at the working resolution of cleaned ones."""


def latin_pages(settings: OrientationTrainSettings) -> Iterator[GreyImage]:
    """Pages, uint8 [1200, 900], black on white: the corpora's texts set in fonts, half of them in typewriters'.

    Raises:
        UsageError: there are no fonts with Latin letters, or no text.
    """
    rng = np.random.default_rng(settings.run.seed)
    fonts = find_fonts(settings.synthetic.fonts, LATIN.sample)
    typewriters = [f for f in fonts if any(name in f.name for name in _TYPEWRITER)] or fonts
    folders = [settings.data / corpus.path for corpus in settings.corpora]
    words = [w for page in find_pages(folders) for line in page.lines for w in line.text.split()]
    words = [w for w in words if w.isascii()]
    if not fonts or not words:
        raise UsageError(
            f"No text in the corpora or no Latin fonts below {settings.synthetic.fonts}",
            remedy="Set latin_pages = 0 in the training configuration.",
        )
    for number in range(settings.latin_pages):
        choice = typewriters if number % 2 else fonts
        yield _page(words, choice[int(rng.integers(len(choice)))], rng)


def _page(words: Sequence[str], font: Path, rng: np.random.Generator) -> GreyImage:
    height, width = _SHAPE
    page = np.full(_SHAPE, 255, np.uint8)
    tall = float(rng.uniform(15, 32))
    pitch = tall * float(rng.uniform(1.1, 2.4))
    left, right = (float(rng.uniform(0.05, 0.18)) * width for _ in range(2))
    ink = float(rng.uniform(0.55, 1.0))
    y = float(rng.uniform(0.05, 0.2)) * height
    while y < float(rng.uniform(0.85, 0.97)) * height:
        length = width - left - right
        if rng.random() < 0.2:  # the last line of a paragraph, an address, a heading
            length *= float(rng.uniform(0.2, 0.9))
        start = int(rng.integers(len(words)))
        mask = draw_text(
            " ".join(words[start : start + 2 + int(length / tall / 2.5)]) or "words",
            font,
            rng,
            Style(rtl=False),
        )
        scale = tall / mask.shape[0]
        size = (max(4, min(round(mask.shape[1] * scale), int(length))), round(tall))
        mask = mask[:, : max(4, round(size[0] / scale))]
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        place = page[int(y) : int(y) + small.shape[0], int(left) : int(left) + small.shape[1]]
        np.minimum(place, 255 - small[: place.shape[0]] * ink, out=place, casting="unsafe")
        y += pitch if rng.random() > 0.08 else 2 * pitch
    return page
