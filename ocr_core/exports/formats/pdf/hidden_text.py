"""The hidden text of a PDF page: each word under its picture, so that it can be selected, searched and copied.

The method is that of Tesseract and OCRmyPDF: render mode 3, a glyphless font, words stretched to their boxes. A sloping line
is laid level, for poppler tears slightly turned text into letters and stepped words into lines. Readers of PDF expect
Arabic as it is painted, from left to right, and turn it round themselves: so the letters of a right-to-left word are
written from its last to its first.
"""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import replace
from typing import Final

from ocr_core.exports.formats.pdf.file import number
from ocr_core.exports.formats.pdf.glyphless import ASCENT, DESCENT, WIDTH, GlyphlessFont
from ocr_core.exports.model import ExportLine, ExportPage
from ocr_core.exports.turned import turned_box, turned_points
from ocr_core.exports.words import direction_of

_GAP: Final = 0.25  # between words at least, in font sizes: below a tenth, readers take two words for one
_LEAST_SIZE: Final = 4.0  # pixels
_TALLEST: Final = 3.0  # size in widths of a letter: readers take narrower letters for words of their own


def content(page: ExportPage, font: GlyphlessFont, scale: float) -> bytes:
    """Content stream operators for all lines of a page.

    Args:
        font: known to the page as `/F`.
        scale: points a pixel.
    """
    lines = "\n".join(_line(line, font, page.height, scale) for line in page.lines if line.words)
    return f"q BT 3 Tr\n{lines}\nET Q\n".encode("ascii")


def painted(word: str) -> str:
    """A word as it is painted from left to right: runs of Latin letters and digits keep their order within the rest.

    Vowel signs go before their letter: poppler and PDFium turn every character round. Brackets stay as they are; poppler
    copies them so, PDFium mirrored.
    """
    if direction_of(word) != "rtl":
        return word
    runs = itertools.groupby(word, key=lambda char: unicodedata.bidirectional(char) in ("L", "EN", "AN"))
    parts = ["".join(run) if keeps else "".join(run)[::-1] for keeps, run in runs]
    return "".join(reversed(parts))


def _line(line: ExportLine, font: GlyphlessFont, page_height: int, scale: float) -> str:
    turn, line = line.turn, upright(line)
    size = _size(line)
    base = _base(line, size)
    along = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn]
    matrix = f"{along[0]} {along[1]} {-along[1]} {along[0]}"
    operators = [f"/F {number(size * scale)} Tf"]

    def show(text: str, left: float, right: float) -> None:
        stretch = 100 * (right - left) / (len(text) * size * WIDTH / 1000)
        x, y = left * along[0] + base * along[1], page_height + left * along[1] - base * along[0]
        place = f"{matrix} {number(x * scale)} {number(y * scale)} Tm"
        operators.append(f"{number(stretch)} Tz {place} <{font.encode(text).hex()}> Tj")

    spans = _spans(line, _GAP * size)
    for index, (word, (left, right)) in enumerate(zip(line.words, spans, strict=True)):
        show(painted(word.text), left, right)
        if index + 1 < len(spans):
            (_, end), (start, _) = sorted((spans[index], spans[index + 1]))
            if 0 < start - end < 4 * size:
                show(" ", end, start)
    return "\n".join(operators)


def upright(line: ExportLine) -> ExportLine:
    """A line and its words after its turn about the origin of the image: level, from left to right."""
    if not line.turn:
        return line
    words = tuple(replace(word, box=turned_box(word.box, line.turn)) for word in line.words)
    baseline = turned_points(line.baseline, line.turn)
    return replace(line, box=turned_box(line.box, line.turn), baseline=baseline, words=words, turn=0)


def _spans(line: ExportLine, gap: float) -> list[tuple[float, float]]:
    """Left and right of each word, neighbours at least `gap` apart as far as half their width allows."""
    spans = [(float(word.box.x0), float(word.box.x1)) for word in line.words]
    order = sorted(range(len(spans)), key=spans.__getitem__)
    for one, other in itertools.pairwise(order):
        left, right = spans[one]
        spans[one] = (left, max((left + right) / 2, min(right, spans[other][0] - gap)))
    return spans


def _size(line: ExportLine) -> float:
    """Of the font, pixels: the line's height less what its slope adds, as far as the width of its letters bears it."""
    xs, ys = zip(*(line.baseline or ((0, 0),)), strict=True)
    climb = min(max(ys) - min(ys), line.box.height / 2) if max(xs) > min(xs) else 0
    letters = sum(len(word.text) for word in line.words)
    pitch = sum(word.box.width for word in line.words) / letters
    return max(_LEAST_SIZE, min(line.box.height - climb, _TALLEST * pitch))


def _base(line: ExportLine, size: float) -> float:
    """Where the letters stand, pixels from the top: the middle of the baseline; without one, so that they are centred."""
    if line.baseline:
        ys = [y for _, y in line.baseline]
        return (min(ys) + max(ys)) / 2
    below = size * DESCENT / (ASCENT - DESCENT)
    return (line.box.y0 + line.box.y1 + size) / 2 + below
