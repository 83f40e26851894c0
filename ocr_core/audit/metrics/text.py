"""How the text of a line is compared with its reading.

Error rates are those of the texts as they are. Beside them stand rates of the same texts with less told apart: much ground
truth has “ ” ’ – where readers are taught to write " ' -, others leave out vowel signs or hamzas, and a search looks past
more than that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ocr_core.library.folding import fold
from ocr_core.training.data.text import normalise_text

_INVISIBLE: Final = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0640]")
_ALEFS: Final = str.maketrans(dict.fromkeys("\u0622\u0623\u0625\u0671\u0672\u0673\u0675", "\u0627"))


@dataclass(frozen=True, slots=True)
class Folding:
    """A way to tell less apart in `comparable` texts; `name` tells people what it leaves."""

    name: str
    fold: Callable[[str], str]


def comparable(text: str) -> str:
    """Text as it is compared: NFC, bidi controls and tatweel removed, white space folded; all else counts."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def as_taught(text: str) -> str:
    """Text with one form of each quotation mark and dash, and without editorial signs, as readers are taught to write it."""
    return comparable(normalise_text(text))


def without_case(text: str) -> str:
    return comparable(text.casefold())


def without_punctuation(text: str) -> str:
    """Text without punctuation of any script; a dash parts words as a space does."""
    categories = ((char, unicodedata.category(char)) for char in text)
    return comparable(
        "".join(" " if kind == "Pd" else char for char, kind in categories if kind == "Pd" or kind[0] != "P")
    )


def without_diacritics(text: str) -> str:
    """Text without accents, vowel signs and Quranic marks. The hamza of أ and the madda of آ stay, though Unicode can take
    them for marks: they make another letter."""
    plain = (char if "\u0600" <= char <= "\u06ff" else unicodedata.normalize("NFD", char) for char in text)
    return comparable("".join(char for part in plain for char in part if unicodedata.category(char) != "Mn"))


def one_alef(text: str) -> str:
    """Text with أ إ آ ٱ as ا."""
    return text.translate(_ALEFS)


def with_all_alike(text: str) -> str:
    """Text after every folding of this module."""
    return without_punctuation(without_diacritics(one_alef(without_case(as_taught(text)))))


FOLDINGS: Final[Mapping[str, Folding]] = {
    "quotes": Folding("one form of quotes and dashes", as_taught),
    "case": Folding("without case", without_case),
    "punctuation": Folding("without punctuation", without_punctuation),
    "diacritics": Folding("without accents and vowel signs", without_diacritics),
    "alef": Folding("one form of alef", one_alef),
    "all": Folding("all of these", with_all_alike),
    "search": Folding("letters and digits as search compares them", fold),
}
"""By what the library calls them (`normalisation` in `audits`)."""

RAW: Final = "raw"
"""What the library calls texts as they are."""

NORMALISATIONS: Final = (RAW, *FOLDINGS)
