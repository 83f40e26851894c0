"""How the text of a line is compared with its reading.

Error rates are those of the texts as they are. Beside them stand rates of the same texts with less told apart, because much
ground truth has “ ” ’ – where readers are taught to write " ' -, and because a search looks past more than that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from ocr_core.library.folding import fold
from ocr_core.training.data.text import normalise_text

_INVISIBLE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0640]")


def comparable(text: str) -> str:
    """Text as it is compared: NFC, bidi controls and tatweel removed, white space folded; all else counts."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def as_taught(text: str) -> str:
    """Text with one form of each quotation mark and dash, and without editorial signs, as readers are taught to write it."""
    return comparable(normalise_text(text))


FOLDINGS: Mapping[str, Callable[[str], str]] = {
    "one form of quotes and dashes": as_taught,
    "letters and digits as search compares them": fold,
}
"""Further ways to compare `comparable` texts, the stricter first."""

RAW = "raw"
NORMALISATIONS: Mapping[str, Callable[[str], str]] = {
    RAW: lambda text: text,
    "quotes": as_taught,
    "search": fold,
}
"""What the library calls texts as they are, and those of `FOLDINGS`."""
