"""Text as poppler stores it, left to right as drawn, back into logical order.

`pdftotext -bbox-layout` gives the characters of Arabic and Hebrew words in the order of their positions. Here
lines are turned back by the Unicode bidirectional algorithm (UAX #9) run backwards: right-to-left runs are
reversed, numbers and Latin runs inside them are not, presentation forms become letters, and mirrored brackets
are told by whether they match.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from ocr_core.bidi import BRACKETS, kind_of, turned_characters

_OPEN = "([{«‹"
_PRESENTATION = re.compile("[ﬀ-ﬆﭐ-ﷱﷲ-ﷹ﷼ﹰ-ﻼ]")
_HAMZA_ALEF = "اأإآ"
# Common words that are none with the two letters swapped; the last group is the swapped pair.
_SWAPPED = re.compile(
    "(^[وف]?(?=ال$)|خ(?=الل)|^أو(?=ال$)|هؤ(?=الء)|إس(?=الم)|لع(?=القة|القات)|لب(?=الد$)|مت(?=الء))ال"
)


def has_rtl(text: str) -> bool:
    return any(kind_of(c) == "R" for c in text)


def mostly_rtl(text: str) -> bool:
    """More right-to-left letters than left-to-right ones."""
    kinds = [kind_of(c) for c in text]
    return kinds.count("R") > kinds.count("L")


def is_rtl(line: str, *, rtl_page: bool | None = None) -> bool:
    """Direction of a line as drawn: that of the letters at its two ends; if they disagree, of its page."""
    strong = [kind for kind in map(kind_of, line) if kind in "RL"]
    if not strong:
        return False
    if strong[0] == strong[-1]:
        return strong[0] == "R"
    return mostly_rtl(line) if rtl_page is None else rtl_page


def order(
    words: Sequence[str], *, rtl_page: bool | None = None, mirror: bool = False
) -> list[tuple[int, str]]:
    """The words of a line, left to right as drawn → (index, text), words and texts in logical order.

    Args:
        rtl_page: whether most of the page is right-to-left; None when unknown.
        mirror: brackets were stored as they look, so inside right-to-left runs they are swapped.
    """
    line = " ".join(words)
    if not has_rtl(line):
        return [(i, letters(word)) for i, word in enumerate(words)]
    owners = [i for i, word in enumerate(words) for _ in f"{word} "][:-1]
    ordered: dict[int, list[str]] = {}
    for at, char in _logical(line, rtl_page, mirror=mirror):
        if char != " ":
            ordered.setdefault(owners[at], []).append(char)
    return [(i, repair(letters("".join(chars)))) for i, chars in ordered.items()]


def _logical(line: str, rtl_page: bool | None, *, mirror: bool) -> list[tuple[int, str]]:
    """(position as drawn, character) in logical order."""
    kinds = [kind_of(c) for c in line]
    if is_rtl(line, rtl_page=rtl_page):
        return turned_characters(line, kinds, 0, len(line), mirror=mirror)
    result: list[tuple[int, str]] = []
    at = 0
    while at < len(line):
        end = at + 1
        if kinds[at] == "R":  # up to the last R before the next L
            for j in range(at, len(line)):
                if kinds[j] == "L":
                    break
                if kinds[j] == "R" or (kinds[j] == "M" and j == end):
                    end = j + 1
            result += turned_characters(line, kinds, at, end, mirror=mirror)
        else:
            result.append((at, line[at]))
        at = end
    return result


def letters(text: str) -> str:
    """NFC, with presentation forms (contextual shapes, ligatures) as the letters they stand for."""

    def plain(match: re.Match[str]) -> str:
        form = unicodedata.normalize("NFKC", match[0])
        return form.strip() if len(form) < 5 else match[0]  # not the whole-phrase ligatures

    return unicodedata.normalize("NFC", _PRESENTATION.sub(plain, text))


def repair(word: str) -> str:
    """Puts lam before alef again where only that is possible.

    A font's single glyph for lam-alef is stored as its two letters in logical order, so reversing the word as
    drawn swaps them. Two alefs in a row do not occur in Arabic, nor a word that ends in heh-lam-lam.
    """
    word = re.sub(f"([{_HAMZA_ALEF}])([{_HAMZA_ALEF}])ل", r"\1ل\2", word)
    word = re.sub("هلل$", "لله", word)
    return _SWAPPED.sub(r"\1لا", word)


def brackets_are_mirrored(lines: Sequence[Sequence[str]]) -> bool:
    """Whether the brackets of right-to-left lines (words as drawn) match only after mirroring."""
    plain = mirrored = 0
    for words in lines:
        line = " ".join(words)
        if has_rtl(line) and any(c in BRACKETS for c in line):
            plain += _matches(c for _, c in _logical(line, True, mirror=False))
            mirrored += _matches(c for _, c in _logical(line, True, mirror=True))
    return mirrored > plain


def _matches(chars: Iterable[str]) -> int:
    """Number of brackets that find their partner, less those that do not."""
    waiting: list[str] = []
    score = 0
    for char in chars:
        if char in _OPEN:
            waiting.append(BRACKETS[char])
        elif char in BRACKETS and char not in "<>":
            if waiting and waiting[-1] == char:
                waiting.pop()
                score += 2
            else:
                score -= 1
    return score - len(waiting)
