"""Text with its place on the page: words of a line picture, text that no line was found for, a file's own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ocr_core.imaging.geometry import apply
from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.records import (
    Box,
    EngineStamp,
    Line,
    LineImage,
    LineResult,
    Script,
    TextLine,
    Transcript,
    Word,
    line_id,
)
from ocr_core.script.text import script_of_text

PDF_TEXT: Final = EngineStamp("pdf-text", "1")


def on_page(words: Sequence[Word], image: LineImage, page: PreparedPage) -> tuple[Word, ...]:
    """Words with boxes in a line picture → with boxes in pixels of the original page, cut off where the page ends."""
    placed = []
    for word in words:
        box = word.box
        corners = np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)], float)
        corners = (
            apply(image.columns_to_page, corners - 0.5) + 0.5
        )  # from edges of pixels to centres and back
        (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
        whole = Box(int(x0), int(y0), int(x1), int(y1))
        placed.append(replace(word, box=whole.within(page.width, page.height)))
    return tuple(placed)


def without_line(page: PreparedPage, order: int, script: Script, transcript: Transcript) -> LineResult:
    """Text that belongs to no line that was found: kept at the end of the page, over all its writing."""
    box = Box.around(tuple(point for line in page.lines for point in line.polygon))
    line = _line(page.page.page_id, order, script, box)
    return LineResult(line, script, replace(transcript, line_id=line.line_id), script_confidence=0.0)


def of_text_layer(page_id: str, order: int, line: TextLine) -> LineResult:
    """A line of the file's own text."""
    script = script_of_text(line.text)
    record = _line(page_id, order, script, line.box)
    transcript = Transcript(record.line_id, line.text, 1.0, PDF_TEXT, line.words)
    return LineResult(record, script, transcript, hand="print")


def direction_of(script: Script) -> str:
    return "rtl" if script is Script.ARABIC else "ltr"


def _line(page_id: str, order: int, script: Script, box: Box) -> Line:
    """A line of which only the box is known: the baseline is its lowest row."""
    (x0, y0), (x1, y1) = (box.x0, box.y0), (box.x1 - 1, box.y1 - 1)
    outline = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    baseline = ((x0, y1), (x1, y1))
    return Line(line_id(page_id, order), order, outline, baseline, direction=direction_of(script))
