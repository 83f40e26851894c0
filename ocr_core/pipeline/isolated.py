"""Isolated glyphs on Arabic pages, read by their own reader where it is to be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.recognizers.protocol import Recognizer
from ocr_core.records import Failure, Script, Transcript, Word
from ocr_core.script.isolated import cut_glyph, isolated_glyphs

_SURE_OF_GLYPH: Final = 0.8
_SURE_OF_LINE: Final = 0.98


def read_glyphs(
    reader: Recognizer, pages: Sequence[PreparedPage], answers: Mapping[str, Transcript | Failure]
) -> dict[str, Transcript]:
    """Lines that show one isolated Arabic glyph, by id, where the reader of glyphs is to be believed.

    Args:
        pages: their pictures with the script of each line.
        answers: what the readers of lines say, by line id; others are left.
    """
    found = [
        (image, box)
        for page in pages
        for image, box in zip(page.images, isolated_glyphs(page.lines, page.images), strict=True)
        if box is not None and image.script is Script.ARABIC and image.line_id in answers
    ]
    read = reader.recognize([replace(i, pixels=cut_glyph(i.pixels, box)) for i, box in found])
    return {
        image.line_id: replace(glyph, words=(Word(glyph.text, box, glyph.confidence),))
        for (image, box), glyph in zip(found, read, strict=True)
        if isinstance(glyph, Transcript) and is_believed(glyph, answers[image.line_id])
    }


def is_believed(glyph: Transcript, line: Transcript | Failure) -> bool:
    """Whether what the reader of glyphs says of a segment that looks like a glyph counts more than what that of lines says.

    It does, unless the latter is sure of a character that the former has never seen: a printed 4 on an Arabic page, a teh
    marbuta.
    """
    from ocr_core.recognizers.glyphs.network import CLASSES

    if not glyph.text or glyph.confidence < _SURE_OF_GLYPH:
        return False
    if isinstance(line, Failure) or line.confidence < _SURE_OF_LINE:
        return True
    return len(line.text) != 1 or not line.text.isalnum() or line.text in CLASSES
