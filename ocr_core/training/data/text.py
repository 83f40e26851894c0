"""Transcripts as a reader is taught to write them."""

from __future__ import annotations

import re
import unicodedata

_ONE_FORM = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201a": ",", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
        "\u2026": "...", "\u017f": "s", "\u00a0": " ", "\u202f": " ", "\ufeff": "", "\u00ad": "-", "\u00ac": "-",
        "\u27e6": "", "\u27e7": "", "^": "",
    }
)  # fmt: skip
_MARKUP = re.compile(r"[<>{}_#\\|~⋎→]|\[\.*\]|^\w+\d{3,}(_\d+)?$")


def normalise_text(text: str) -> str:
    """NFC, white space folded, one form for each quotation mark and dash, editorial signs removed."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_ONE_FORM)).split())


def is_markup(text: str) -> bool:
    """Whether a transcript holds an editor's notation rather than what is written on the line."""
    return bool(_MARKUP.search(text))
