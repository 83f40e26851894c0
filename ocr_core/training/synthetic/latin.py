"""English prose as it might stand on a line of a letter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocr_core.training.data.text import normalise_text
from ocr_core.training.synthetic.prose import read_prose
from ocr_core.training.synthetic.writing import SetLine, Writing

_SHORT = 0.2
"""Share of the lines that are a few words: salutations, ends of paragraphs, insertions."""
_AMPERSAND = 0.4
"""Share of the lines in which "and" is written as a sign."""
_PLAIN = str.maketrans("‘’“”–—", "''\"\"--")


def _read(path: Path) -> tuple[str, ...]:
    return tuple(line for line in map(_plain, read_prose(path)) if len(line) > 1)


def _plain(line: str) -> str:
    """As transcribers write it: quotation marks and dashes of a typewriter, no signs of emphasis."""
    return normalise_text(re.sub("[_*]", "", line.translate(_PLAIN)))


def _typeset(texts: Sequence[str], rng: np.random.Generator) -> SetLine:
    source = int(rng.integers(len(texts)))
    words = texts[source].split()
    if rng.random() < _SHORT:
        count = int(rng.integers(1, 4))
        start = int(rng.integers(0, max(1, len(words) - count + 1)))
        words = words[start : start + count]
    if rng.random() < 0.1:
        words.insert(
            int(rng.integers(0, len(words) + 1)), str(rng.integers(1, 10 ** int(rng.integers(1, 5))))
        )
    if rng.random() < _AMPERSAND:
        words = ["&" if word == "and" else word for word in words]
    text = " ".join(words)
    return SetLine(text, text, source)


LATIN = Writing(
    name="Latin",
    sample="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,;:!?&'-()",
    tall="bdfhklgpqy",
    rtl=False,
    read=_read,
    typeset=_typeset,
    book_faces=(),
    unwanted=(),
    remedy="Name a folder of TrueType or OpenType fonts: `synthetic.fonts`.",
)
