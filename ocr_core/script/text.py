"""The script of text that is already known."""

from __future__ import annotations

import re

from ocr_core.records import Script

# Letters only: digits, punctuation and marks belong to no script of their own.
_ARABIC = re.compile(
    r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc]"
)
_LATIN = re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_LETTER = re.compile(r"[^\W\d_]")


def script_of_text(text: str) -> Script:
    """The script of most letters of `text`; MIXED when the lesser of Arabic and Latin has a fifth or more of them,
    NONE when there is no letter."""
    letters = len(_LETTER.findall(text))
    arabic, latin = len(_ARABIC.findall(text)), len(_LATIN.findall(text))
    if not letters:
        return Script.NONE
    if letters - arabic - latin > letters / 2:
        return Script.OTHER
    if min(arabic, latin) >= 0.2 * (arabic + latin):
        return Script.MIXED
    return Script.ARABIC if arabic > latin else Script.LATIN
