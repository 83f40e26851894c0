"""Arabic text as it might stand on a line of a book or a letter.

Vowel signs and kashida are drawn on some lines and never transcribed: the reader learns to read past them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocr_core.bidi import turned
from ocr_core.training.synthetic.writing import SetLine, Writing

_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u0640\u06d6-\u06ed]")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_NOTES = re.compile(r"/\w+$|[#*/_]")


def _read(path: Path) -> tuple[str, ...]:
    """The lines of a text: letters instead of presentation forms, without invisible signs and notes of the transcribers."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", path.read_text("utf-8")))
    lines = (" ".join(_NOTES.sub(" ", line).split()) for line in plain.splitlines())
    return tuple(line for line in lines if len(line) > 1)


def _typeset(texts: Sequence[str], rng: np.random.Generator) -> SetLine:
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
        drawn = vocalised(_MARKS.sub("", drawn), rng, float(rng.uniform(0.05, 0.8)))
    elif rng.random() < 0.08:
        drawn = stretched(drawn, rng)
    # A line whose order on paper is open to doubt teaches nothing.
    return SetLine(drawn, text if turned(turned(text)) == text else "", source)


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
        return f"{word} ({digits(rng, 1, 3)})"
    return word


def digits(rng: np.random.Generator, least: int, most: int) -> str:
    """A number of `least` to `most` Arabic-Indic or European digits."""
    signs = "٠١٢٣٤٥٦٧٨٩" if rng.random() < 0.55 else "0123456789"
    return "".join(signs[i] for i in rng.integers(0, 10, int(rng.integers(least, most + 1))))


def _number(rng: np.random.Generator) -> str:
    number = digits(rng, 1, 5)
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


def vocalised(text: str, rng: np.random.Generator, share: float) -> str:
    """The text with vowel signs on a share, 0..1, of its letters."""
    signs = "\u064e\u064f\u0650\u0652\u0651\u064b\u064e"
    return re.sub(
        "[\u0621-\u064a]", lambda m: m[0] + (signs[rng.integers(7)] if rng.random() < share else ""), text
    )


def stretched(text: str, rng: np.random.Generator) -> str:
    """The text with kashida between the first two letters that take it."""
    between = "(?<=[بتثسشصضعغفقكلمنهي])(?=[بتثسشصضعغفقكلمنهيةار])"
    return re.sub(between, "ـ" * int(rng.integers(1, 5)), text, count=1)


ARABIC = Writing(
    name="Arabic",
    sample="ابجدهوزحطيكلمنسعفصقرشتثخذضظغةىءأإئؤ",
    tall="لاطكأجعحيى",
    rtl=True,
    read=_read,
    typeset=_typeset,
    book_faces=(
        "Amiri-", "KacstBook", "KacstNaskh", "KacstOne", "KacstOffice", "KacstLetter", "KacstTitle", "Scheherazade",
        "Lateef-", "Harmattan", "NotoNaskhArabic", "NotoSansArabic", "PakType Naskh Basic", "nazli", "KacstFarsi",
        "ae_AlArabiya", "DejaVuSans", "Thabit", "ae_AlBattar", "ae_Khalid", "ae_Salem", "KacstPen", "KacstQurn",
    ),
    unwanted=(
        "AmiriQuran", "Mono", "Ostorah", "Shado", "ae_Hor.", "ae_Graph", "ae_Metal", "ae_Japan", "KacstDecorative",
    ),
    remedy="apt-get install fonts-hosny-amiri fonts-kacst",
)  # fmt: skip
