"""Texts of drawn lines: some words of a real line, and what archivists write on a leaf."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.training.synthetic import arabic


def arabic_text(lines: Sequence[str], rng: np.random.Generator) -> str:
    """Some words of a real line, perhaps with vowel signs, kashida, digits or punctuation."""
    chosen = _some_words(lines, rng)
    if rng.random() < 0.15:
        chosen = [arabic.vocalised(word, rng, 0.6) for word in chosen]
    if rng.random() < 0.2:
        chosen = [arabic.stretched(word, rng) for word in chosen]
    if rng.random() < 0.15:
        chosen.append(arabic.digits(rng, 1, 4))
    if rng.random() < 0.2:
        chosen[-1] += "،؛.:؟!"[rng.integers(6)]
    return " ".join(chosen)


def latin_text(lines: Sequence[str], rng: np.random.Generator) -> str:
    """Some words of a real line, now and then in capitals."""
    text = " ".join(_some_words(lines, rng))
    return text.upper() if rng.random() < 0.12 else text


def shelf_mark(rng: np.random.Generator) -> str:
    """What archivists write on a leaf: a few letters and numbers, `MS-2D-041b`."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    parts = ["".join(letters[i] for i in rng.integers(0, 26, int(rng.integers(1, 4))))]
    for _ in range(int(rng.integers(1, 4))):
        number = str(rng.integers(0, 10 ** int(rng.integers(1, 5)))).zfill(int(rng.integers(1, 5)))
        parts.append(number + letters[rng.integers(26)] if rng.random() < 0.3 else number)
    mark = ("-", "_", " ", ".", "/", " - ")[rng.integers(6)].join(parts)
    return mark + letters[rng.integers(26)].lower() if rng.random() < 0.5 else mark


def _some_words(lines: Sequence[str], rng: np.random.Generator) -> list[str]:
    words = lines[int(rng.integers(len(lines)))].split()
    count = int(rng.integers(1, 11 if rng.random() < 0.7 else 3))
    start = int(rng.integers(0, max(1, len(words) - count + 1)))
    return words[start : start + count]
