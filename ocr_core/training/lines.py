"""Synthetic Arabic lines for the line cache: real text in real fonts, cut as the pipeline would cut them.

Each line is a function of (seed, number), so that a cache made anew is the same. Vowel signs and kashida are drawn on some
lines and never transcribed: the reader learns to read past them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.bidi import turned
from ocr_core.errors import UsageError
from ocr_core.training.config import SyntheticSettings
from ocr_core.training.synthetic import (
    Mask,
    Style,
    covers,
    degrade,
    draw_on_baseline,
    find_fonts,
    ink_on_paper,
    joins,
    repen,
)

NOMINAL, PAD = 64, 16
"""Rows of the region that the pipeline would cut, and what is drawn around it on every side, in pixels."""
_BASELINE = 0.72
"""Where the pipeline's crops have their baseline, as a share of their height."""
_SAMPLE = "ابجدهوزحطيكلمنسعفصقرشتثخذضظغةىءأإئؤ"
_TALL = "لاطكأجعحيى"
"""Letters that reach as far up and down as those of most lines."""
_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u06d6-\u06ed]")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NOTES = re.compile(r"/\w+$|[#*/_]")
_BOOK_FACES = (
    "Amiri-", "KacstBook", "KacstNaskh", "KacstOne", "KacstOffice", "KacstLetter", "KacstTitle", "Scheherazade", "Lateef-",
    "Harmattan", "NotoNaskhArabic", "NotoSansArabic", "PakType Naskh Basic", "nazli", "KacstFarsi", "ae_AlArabiya",
    "DejaVuSans", "Thabit", "ae_AlBattar", "ae_Khalid", "ae_Salem", "KacstPen", "KacstQurn",
)  # fmt: skip
_NOT_TO_READ = (
    "AmiriQuran", "Mono", "Ostorah", "Shado", "ae_Hor.", "ae_Graph", "ae_Metal", "ae_Japan", "KacstDecorative",
)  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class _Line:
    """`drawn` is what stands in the picture; `text` what a reader writes."""

    drawn: str
    text: str
    source: int


def synthetic_lines(path: Path, settings: SyntheticSettings, seed: int) -> Iterator[DrawnLine]:
    """Draw `settings.lines` lines of the text in a file, on as many processes as the settings say.

    Pictures are `NOMINAL + 2 · PAD` pixels high; the page of a line is the part of the text that its words are from.

    Raises:
        UsageError: the text or the fonts are not there.
    """
    _existing(path)
    _fonts(settings.fonts)
    jobs = [
        (path, settings, seed, first, min(first + _CHUNK, settings.lines))
        for first in range(0, settings.lines, _CHUNK)
    ]
    with ProcessPoolExecutor(settings.processes, get_context("spawn")) as pool:
        for lines in pool.map(_some_lines, jobs):
            yield from lines


def synthetic_texts(path: Path, lines: int, seed: int) -> Iterator[tuple[str, str]]:
    """Page and text of `lines` lines as `synthetic_lines` transcribes them, undrawn: for language models.

    Raises:
        UsageError: the text is not there.
    """
    texts = _texts(_existing(path))
    for number in range(lines):
        line = typeset(texts, np.random.default_rng([seed, number]))
        if line.text:
            yield _page_of(path, line), line.text


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(
            f"no text {path}", remedy="Check the path of the corpus in the training configuration."
        )
    return path


def _page_of(path: Path, line: _Line) -> str:
    """The part of the text that its words are from."""
    return f"{path.stem}-{line.source // _BLOCK:05d}"


def _some_lines(job: tuple[Path, SyntheticSettings, int, int, int]) -> list[DrawnLine]:
    path, settings, seed, first, end = job
    cv2.setNumThreads(1)
    texts = _texts(path)
    fonts = _fonts(settings.fonts)
    found = []
    for number in range(first, end):
        rng = np.random.default_rng([seed, number])
        for _ in range(8):
            line = typeset(texts, rng)
            book, other = fonts
            faces = book if (rng.random() < _BOOK_SHARE and book) or not other else other
            font = faces[int(rng.integers(len(faces)))]
            if not line.text or not covers(font, "".join(sorted(set(line.drawn) - {" "}))):
                continue
            try:
                pixels = draw_line(line.drawn, font, rng, hand=bool(rng.random() < settings.hand))
            except ValueError:
                continue
            found.append(DrawnLine(_page_of(path, line), line.text, pixels))
            break
    return found


@lru_cache(maxsize=4)
def _texts(path: Path) -> tuple[str, ...]:
    """The lines of a text: letters instead of presentation forms, without invisible signs and notes of the transcribers."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", path.read_text("utf-8")))
    lines = (" ".join(_NOTES.sub(" ", line).split()) for line in plain.splitlines())
    return tuple(line for line in lines if len(line) > 1)


@lru_cache(maxsize=4)
def _fonts(root: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Book faces and all others that have the Arabic letters and join them."""
    found = [f for f in find_fonts(root, _SAMPLE, exclude=_NOT_TO_READ) if joins(f)]
    if not found:
        raise UsageError(
            f"no Arabic font below {root}", remedy="apt-get install fonts-hosny-amiri fonts-kacst"
        )
    book = tuple(f for f in found if f.name.startswith(_BOOK_FACES))
    return book, tuple(f for f in found if f not in book)


# -- text -------------------------------------------------------------------------------------------------


def typeset(texts: Sequence[str], rng: np.random.Generator) -> _Line:
    """Some words of a text as they might stand on a line of a book or a letter, with numbers and punctuation."""
    source = int(rng.integers(len(texts)))
    words = texts[source].split()
    count = int(rng.integers(1, 12 if rng.random() < 0.75 else 4))
    while len(words) < count:
        source_text = texts[int(rng.integers(max(0, source - 20), min(len(texts), source + 21)))]
        words += source_text.split()
    start = int(rng.integers(0, len(words) - count + 1))
    words = [_punctuated(w, rng) for w in words[start : start + count]]
    if rng.random() < 0.2:
        words.insert(int(rng.integers(0, len(words) + 1)), _number(rng))
    if rng.random() < 0.08:
        words.insert(0, "-•*–"[rng.integers(4)])
    if rng.random() < 0.04:
        words.insert(int(rng.integers(0, len(words) + 1)), _latin(rng))
    if rng.random() < 0.12:
        words[-1] += (" ." if rng.random() < 0.3 else ".") if rng.random() < 0.7 else " . ."
    drawn = " ".join(words).replace("•", "-").replace("*", "-")
    text = _MARKS.sub("", drawn)
    if rng.random() < 0.08:
        drawn = _vocalised(_MARKS.sub("", drawn), rng)
    elif rng.random() < 0.08:
        drawn = re.sub(
            "(?<=[بتثسشصضعغفقكلمنهي])(?=[بتثسشصضعغفقكلمنهيةار])",
            "ـ" * int(rng.integers(1, 5)),
            drawn,
            count=1,
        )
    # A line whose order on paper is open to doubt teaches nothing.
    return _Line(drawn, text if turned(turned(text)) == text else "", source)


def _punctuated(word: str, rng: np.random.Generator) -> str:
    chance = rng.random()
    if chance < 0.05:
        return word + ("،" if rng.random() < 0.6 else " ،")
    if chance < 0.07:
        return word + (" " if rng.random() < 0.4 else "") + "؛:؟!:.؟"[rng.integers(7)]
    if chance < 0.09:
        left, right = [("(", ")"), ("«", "»"), ('"', '"'), ("[", "]")][
            int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))
        ]
        return f"{left}{word}{right}"
    if chance < 0.1:
        return f"{word} ({_digits(rng, 1, 3)})"
    return word


def _digits(rng: np.random.Generator, least: int, most: int) -> str:
    digits = "٠١٢٣٤٥٦٧٨٩" if rng.random() < 0.55 else "0123456789"
    return "".join(digits[i] for i in rng.integers(0, 10, int(rng.integers(least, most + 1))))


def _number(rng: np.random.Generator) -> str:
    number = _digits(rng, 1, 5)
    chance = rng.random()
    if chance < 0.15:
        return f"{number}%" if number.isascii() else f"{number}٪"
    if chance < 0.3 and number.isascii():
        return f"{number}{'.,'[rng.integers(2)]}{rng.integers(0, 1000)}"
    if chance < 0.4 and number.isascii():
        return f"{number}/{rng.integers(1, 13)}/{rng.integers(1800, 2030)}"
    if chance < 0.5:
        return f"({number})"
    if chance < 0.6:
        return f"{number}-"
    return number


def _latin(rng: np.random.Generator) -> str:
    letters = "etaoinshrdlucmfwypvbgk"
    word = "".join(letters[min(int(rng.exponential(6)), 21)] for _ in range(int(rng.integers(2, 9))))
    word = word.capitalize() if rng.random() < 0.5 else word.upper() if rng.random() < 0.3 else word
    return f"({word})" if rng.random() < 0.4 else word


def _vocalised(text: str, rng: np.random.Generator) -> str:
    signs, share = "\u064e\u064f\u0650\u0652\u0651\u064b\u064e", rng.uniform(0.05, 0.8)
    return re.sub(
        "[\u0621-\u064a]", lambda m: m[0] + (signs[rng.integers(7)] if rng.random() < share else ""), text
    )


# -- pictures ---------------------------------------------------------------------------------------------


def draw_line(text: str, font: Path, rng: np.random.Generator, *, hand: bool) -> NDArray[np.uint8]:
    """A line as the cache keeps it: grey uint8 [NOMINAL + 2 · PAD, width], dark ink on light ground.

    Its size and place in the strip come from the letters of the font, as those of a crop come from its page, and vary.
    """
    above, below = _reach(font)
    height = float(NOMINAL * np.exp(rng.normal(0.05, 0.11)))
    size = max(14, round(100 * height / (1.15 * above + 1.25 * below)))
    pen = float(rng.uniform(1.1, 3.2)) if hand and rng.random() < 0.6 else 0.0
    mask, baseline = draw_on_baseline(text, font, rng, Style(size=size, rtl=True, hand=hand))
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
def _reach(font: Path) -> tuple[float, float]:
    """How far the letters of a font reach above and below the baseline at an em of 100 pixels."""
    mask, baseline = draw_on_baseline(_TALL, font, np.random.default_rng(0), Style(size=100, rtl=True))
    rows = np.flatnonzero(mask.max(axis=1) > 40)
    return max(float(baseline - rows[0]), 10.0), max(float(rows[-1] - baseline), 10.0)
