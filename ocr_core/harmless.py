"""Text of strangers made harmless for what shows it: terminals and spreadsheets."""

from __future__ import annotations

import unicodedata
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    """`text` as a terminal may show it, as many characters as before: no control character (ESC!) of a transcript
    drives the terminal, no bidi control mixes up the columns."""
    return "".join(" " if c in "\n\r\t" else "�" if _drives_terminal(c) else c for c in text)


def no_formula(text: str) -> str:
    """A cell of CSV that no spreadsheet runs: what looks like a formula gets an apostrophe (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _drives_terminal(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Cc", "Cs")
        or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
