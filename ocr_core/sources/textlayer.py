"""The text layer of a PDF page: poppler's words with boxes → lines in page pixels, in logical order."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from dataclasses import dataclass

from ocr_core.records import Box, TextLine, Word
from ocr_core.sources import logical

JOIN_GAP = 0.05  # of the line's height: words closer than this were split by a change of font, not by a space
GARBAGE = 0.3  # share of characters without a meaning from which a layer is no text
TATWEEL = "\u0640"

_NUMBER = r'"(-?[\d.]+)"'
_TOKEN = re.compile(
    rf"(?P<page><page\b)|(?P<line><line\b)|"
    rf"<word xMin={_NUMBER} yMin={_NUMBER} xMax={_NUMBER} yMax={_NUMBER}>(?P<text>.*?)</word>",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class DrawnWord:
    """A word as drawn, characters from left to right; points, origin at the top left of the upright page."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


DrawnLine = list[DrawnWord]


def parse(markup: str) -> list[list[DrawnLine]]:
    """Output of `pdftotext -bbox-layout` → pages of lines of words, in the file's reading order."""
    pages: list[list[DrawnLine]] = []
    for token in _TOKEN.finditer(markup):
        if token["page"]:
            pages.append([])
        elif token["line"] and pages:
            pages[-1].append([])
        elif token["text"] and pages and pages[-1]:
            text = "".join(c for c in html.unescape(token["text"]) if not _is_noise(c))
            if text:
                pages[-1][-1].append(DrawnWord(text, *(float(token[i]) for i in range(3, 7))))
    return [[line for line in page if line] for page in pages]


def is_text(lines: list[DrawnLine]) -> bool:
    """Whether the characters mean something: few unmapped glyphs, and some letters or digits."""
    chars = [c for line in lines for word in line for c in word.text if not c.isspace()]
    if not chars:
        return False
    unknown = sum(map(_is_unmapped, chars))
    telling = sum(c.isalnum() for c in chars)
    if unknown > GARBAGE * len(chars) or not telling:
        return False
    return telling > 0.3 * len(chars) or len(chars) < 20


def to_lines(
    lines: list[DrawnLine], page_size: tuple[float, float], pixels: tuple[int, int]
) -> tuple[TextLine, ...]:
    """Lines in pixels of the page image.

    Unmapped glyphs are dropped and lower the confidence of their word to the share of glyphs that are known.

    Args:
        page_size: width and height of the upright page in points.
        pixels: width and height of its image.
    """
    scale = pixels[0] / page_size[0], pixels[1] / page_size[1]
    joined = [_join([word for word in line if _is_inside(word, page_size)]) for line in lines]
    drawn = [[word.text for word in line] for line in joined]
    mirror = logical.brackets_are_mirrored(drawn)
    rtl_page = logical.mostly_rtl("".join(text for line in drawn for text in line))
    result = []
    for line, texts in zip(joined, drawn, strict=True):
        words = []
        for index, text in logical.order(texts, rtl_page=rtl_page, mirror=mirror):
            known = "".join(c for c in text if not _is_unmapped(c))
            if known:
                share = len(known) / len(text)
                words.append(
                    Word(unicodedata.normalize("NFC", known), _box(line[index], scale, pixels), share)
                )
        if words:
            boxes = [word.box for word in words]
            around = Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes),
                         max(b.x1 for b in boxes), max(b.y1 for b in boxes))  # fmt: skip
            result.append(TextLine(" ".join(word.text for word in words), around, tuple(words)))
    return tuple(result)


def _join(words: DrawnLine) -> DrawnLine:
    """Words of a right-to-left line sorted by position, with those glued that no space separates."""
    if not logical.has_rtl("".join(word.text for word in words)):
        return words
    joined: DrawnLine = []
    for word in sorted(words, key=lambda w: (w.x0, w.x1)):
        last = joined[-1] if joined else None
        if last and _touch(last, word):
            box = min(last.x0, word.x0), min(last.y0, word.y0), max(last.x1, word.x1), max(last.y1, word.y1)
            joined[-1] = DrawnWord(last.text + word.text, *box)
        else:
            joined.append(word)
    return joined


def _touch(left: DrawnWord, right: DrawnWord) -> bool:
    gap, height = right.x0 - left.x1, max(left.y1 - left.y0, right.y1 - right.y0)
    stretched = left.text.endswith(TATWEEL) or right.text.startswith(TATWEEL)
    return gap < JOIN_GAP * height or (stretched and gap < 2 * JOIN_GAP * height)


def _is_inside(word: DrawnWord, page_size: tuple[float, float]) -> bool:
    """Whether the middle of the word is on the visible page."""
    return 0 <= (word.x0 + word.x1) / 2 <= page_size[0] and 0 <= (word.y0 + word.y1) / 2 <= page_size[1]


def _box(word: DrawnWord, scale: tuple[float, float], pixels: tuple[int, int]) -> Box:
    """The whole pixels that the word touches, at least one, inside the image."""
    left, top = math.floor(word.x0 * scale[0]), math.floor(word.y0 * scale[1])
    right, bottom = math.ceil(word.x1 * scale[0]), math.ceil(word.y1 * scale[1])
    return Box(left, top, right, bottom).within(*pixels)


def _is_noise(char: str) -> bool:
    """Control characters, lone surrogates, bidirectional controls, byte order marks, soft hyphens."""
    category = unicodedata.category(char)
    return category in ("Cc", "Cs") or (category == "Cf" and char not in "\u200c\u200d")


def _is_unmapped(char: str) -> bool:
    """Glyphs whose meaning the PDF does not tell: U+FFFD, private use, unassigned."""
    return char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn")
