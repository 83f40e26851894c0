"""Folding of text for search: what is equal to a reader's eye becomes equal to the machine. The stored text
is never folded.

Arabic: short vowels, Quranic marks and tatweel go; أ إ آ ٱ → ا, ى ی → ي, ة → ه, ؤ → و, ئ → ي, ک → ك; ء stays.
Arabic-Indic and Persian digits become 0–9, presentation forms plain letters. Latin: case, accents, long s and
ligatures go. Words are runs of letters, digits and their marks; everything else parts them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache, lru_cache
from typing import Final, NamedTuple

_ZERO_WIDTH: Final = "\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
_BIDI: Final = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_TATWEEL: Final = "\u0640"
# Shapes of vowel signs that NFKC would turn into a blank and a sign, parting the word.
_SIGN_FORMS: Final = "".join(map(chr, range(0xFE70, 0xFE80)))
_IGNORED: Final = _ZERO_WIDTH + _BIDI + _TATWEEL + _SIGN_FORMS
_MARK_CATEGORIES: Final = ("Mn", "Mc", "Me")
_LAST_MARK: Final = 0x1F000  # no script has marks beyond, but for variation selectors

_LETTERS: Final = str.maketrans(
    {
        "\u0671": "\u0627",  # alef wasla
        "\u0672": "\u0627",
        "\u0673": "\u0627",
        "\u0675": "\u0627",
        "\u0649": "\u064a",  # alef maksura
        "\u06cc": "\u064a",  # Farsi yeh
        "\u06d2": "\u064a",  # yeh barree
        "\u0629": "\u0647",  # teh marbuta
        "\u06c3": "\u0647",
        "\u06c1": "\u0647",  # heh goal
        "\u06d5": "\u0647",
        "\u06a9": "\u0643",  # keheh
        "\u017f": "s",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ı": "i",
        **{chr(c): None for c in map(ord, _IGNORED)},
    }
)


class Token(NamedTuple):
    """A folded word and the characters [start, end) of the text it came from."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """The folded words of `text`, joined by single spaces. `fold(fold(t)) == fold(t)`."""
    return " ".join(token for word in _words().findall(text) for token in _fold_word(word))


def fold_tokens(text: str) -> list[Token]:
    """The words of `fold(text)`, one by one, each with its place in `text`."""
    return [
        Token(token, match.start(), match.end())
        for match in _words().finditer(text)
        for token in _fold_word(match.group())
    ]


@lru_cache(maxsize=1 << 16)
def _fold_word(word: str) -> tuple[str, ...]:
    """A word may fold to none (only marks) or to several (ﷺ is four words, ½ two)."""
    before = ""
    while word != before:
        before = word
        word = unicodedata.normalize("NFKD", word.translate(_LETTERS)).casefold()
        # NFKD has taken the hamza off its carrier (ؤ → و + U+0654), the accent off its letter.
        word = "".join(_digit(c) for c in word if unicodedata.category(c) not in _MARK_CATEGORIES)
        word = unicodedata.normalize("NFC", word)
    return tuple(_words().findall(word))


def _digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


@cache
def _words() -> re.Pattern[str]:
    """Runs of letters, digits, marks and the invisible characters that may stand inside a word."""
    spans: list[list[int]] = []
    last = min(_LAST_MARK, sys.maxunicode)
    for code in (*range(0x300, last), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code)) in _MARK_CATEGORIES:
            if spans and spans[-1][1] == code - 1:
                spans[-1][1] = code
            else:
                spans.append([code, code])
    marks = "".join(f"{chr(first)}-{chr(final)}" for first, final in spans)
    return re.compile(f"[^\\W_](?:[^\\W_]|[{marks}{_IGNORED}])*")
