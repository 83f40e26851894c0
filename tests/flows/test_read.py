"""Prepared pages to text: the order of lines on pages that are read from the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.layout.spread import LEFT, RIGHT
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.pipeline.read import Deferred, PageReader
from ocr_core.recognizers.glyphs.engine import GlyphRecognizer
from ocr_core.records import (
    MARGIN,
    Box,
    EngineStamp,
    Line,
    LineImage,
    PageRef,
    PageResult,
    Point,
    Script,
    SourceFile,
    Status,
    Transcript,
    Word,
    line_id,
    page_id,
)
from ocr_core.script.pages import LineScript
from ocr_core.script.router import ScriptRouter

STAMP = EngineStamp("by-number", "1")
CERTAIN = {
    Script.ARABIC: LineScript(Script.ARABIC, 1.0, "print", arabic=1.0, none=0.0),
    Script.LATIN: LineScript(Script.LATIN, 1.0, "print", latin=1.0, none=0.0),
    Script.OTHER: LineScript(Script.OTHER, 1.0, "print", other=1.0, none=0.0),
}


class Told(ScriptRouter):
    """Is told the script of each line; decides pages as the real one does."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = scripts

    def route_lines(self, images: Sequence[LineImage]) -> list[LineScript]:
        return [CERTAIN[script] for script in self._scripts]


class ByNumber:
    """Reads the number that is the grey of a line's picture."""

    stamp = STAMP

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript]:
        return [Transcript(i.line_id, str(int(i.pixels[0, 0])), 1.0, STAMP) for i in images]


def two_columns(rotation: int = 0) -> PreparedPage:
    """Lines 1 and 2 in the left column, 3 and 4 in the right, in the order of a page read from the left.

    With a rotation of 90 they stand so once the page is turned by that, clockwise.
    """
    source = SourceFile(Path("/a.png"), Path("/"), "a.png")
    name = page_id("d" * 64, 1)
    lines, images = [], []
    for number, (x, y) in enumerate([(50, 100), (50, 150), (550, 100), (550, 150)]):
        outline: tuple[Point, ...] = ((x, y - 25), (x + 400, y - 25), (x + 400, y + 8), (x, y + 8))
        baseline: tuple[Point, ...] = ((x, y), (x + 400, y))
        if rotation == 90:
            outline, baseline = (tuple((y, 1000 - x) for x, y in points) for points in (outline, baseline))
        lines.append(Line(line_id(name, number), number, outline, baseline))
        pixels = np.full((33, 400), number + 1, np.uint8)
        images.append(LineImage(lines[-1].line_id, pixels, 25, np.eye(2, 3)))
    page = PageRef(name, "d" * 64, 1, source, "image/png")
    return PreparedPage(page, 1000, 250, None, "image", rotation, lines=tuple(lines), images=tuple(images))


def read(
    page: PreparedPage,
    scripts: Sequence[Script],
    script: Script | None = None,
    reader: ByNumber | None = None,
) -> PageResult:
    reader = reader or ByNumber()
    engines = {Script.ARABIC: reader, Script.LATIN: reader, Script.OTHER: Deferred("none")}
    [result] = PageReader(Told(scripts), engines, Fingerprints({}, {}), script).read([page])
    assert isinstance(result, PageResult)
    return result


@pytest.mark.parametrize(
    ("scripts", "texts"),
    [
        ([Script.ARABIC] * 4, "3412"),
        ([Script.LATIN] * 4, "1234"),
        ([Script.LATIN, Script.ARABIC, Script.ARABIC, Script.ARABIC], "3412"),
        ([Script.LATIN, Script.LATIN, Script.LATIN, Script.ARABIC], "1234"),
    ],
)
def test_columns_of_arabic_are_read_from_the_right(scripts: list[Script], texts: str) -> None:
    result = read(two_columns(), scripts)
    assert "".join(r.transcript.text for r in result.lines if r.transcript) == texts
    assert [r.line.order for r in result.lines] == [0, 1, 2, 3]
    assert [r.line.line_id for r in result.lines] == [line_id(result.page.page_id, n) for n in range(4)]
    for line, text in zip(result.lines, texts, strict=True):
        assert line.script is scripts[int(text) - 1]
        assert line.line.direction == ("rtl" if line.script is Script.ARABIC else "ltr")
        assert line.line.box.x0 == (50 if text in "12" else 550)
        assert line.transcript and line.transcript.line_id == line.line.line_id


def test_boxes_of_words_lie_on_their_page() -> None:
    """The strip of a line at the edge of a page reaches beyond it."""

    class Wordy(ByNumber):
        def recognize(self, images: Sequence[LineImage]) -> list[Transcript]:
            words = (Word("ends", Box(0, 0, 60, 33)), Word("begins", Box(60, 0, 400, 33)))
            return [Transcript(i.line_id, "ends begins", 1.0, STAMP, words) for i in images]

    page = two_columns()
    to_page = [np.array([[1.0, 0, x], [0, 1, y]]) for x, y in ((-10, -5), (50, 125), (700, 75), (550, 230))]
    images = tuple(replace(i, columns_to_page=a) for i, a in zip(page.images, to_page, strict=True))
    result = read(replace(page, images=images), [Script.LATIN] * 4, reader=Wordy())
    boxes = [[word.box for word in line.transcript.words] for line in result.lines if line.transcript]
    assert boxes == [
        [Box(0, 0, 50, 28), Box(50, 0, 390, 28)],
        [Box(50, 125, 110, 158), Box(110, 125, 450, 158)],
        [Box(700, 75, 760, 108), Box(760, 75, 1000, 108)],
        [Box(550, 230, 610, 250), Box(610, 230, 950, 250)],
    ]


def test_columns_of_a_page_on_its_side_are_read_from_the_right_too() -> None:
    result = read(two_columns(rotation=90), [Script.ARABIC] * 4)
    assert "".join(r.transcript.text for r in result.lines if r.transcript) == "3412"


def test_columns_of_a_page_on_its_head_are_read_from_where_its_right_is() -> None:
    result = read(two_columns(rotation=180), [Script.ARABIC] * 4)
    assert "".join(r.transcript.text for r in result.lines if r.transcript) == "2143"


def test_the_right_page_of_an_arabic_spread_comes_first_though_it_begins_lower() -> None:
    page = two_columns()
    lines = [replace(line, region=LEFT if line.box.x0 == 50 else RIGHT) for line in page.lines]
    lines[2:] = [
        replace(line, polygon=lower(line.polygon), baseline=lower(line.baseline)) for line in lines[2:]
    ]
    for scripts, texts in (([Script.ARABIC] * 4, "3412"), ([Script.LATIN] * 4, "1234")):
        result = read(replace(page, lines=tuple(lines)), scripts)
        assert "".join(r.transcript.text for r in result.lines if r.transcript) == texts


def test_what_is_written_up_the_margin_comes_last_where_columns_are_read_from_the_right() -> None:
    page = two_columns()
    lines = [replace(line, region=MARGIN if n == 0 else line.region) for n, line in enumerate(page.lines)]
    result = read(replace(page, lines=tuple(lines)), [Script.ARABIC] * 4)
    assert "".join(r.transcript.text for r in result.lines if r.transcript) == "3421"


def lower(points: tuple[Point, ...]) -> tuple[Point, ...]:
    return tuple((x, y + 300) for x, y in points)


def test_a_script_that_is_told_is_that_of_every_line() -> None:
    result = read(two_columns(), [Script.LATIN, Script.OTHER, Script.LATIN, Script.ARABIC], Script.ARABIC)
    assert (result.script, result.script_confidence, result.status) == (Script.ARABIC, 1.0, Status.DONE)
    assert {(r.script, r.script_confidence, r.line.direction) for r in result.lines} == {
        (Script.ARABIC, 1.0, "rtl")
    }
    assert "".join(r.transcript.text for r in result.lines if r.transcript) == "3412"


class Numbers(ByNumber):
    """Says how many pictures it was given."""

    def __init__(self) -> None:
        self.read = 0

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript]:
        self.read += len(images)
        return super().recognize(images)


@pytest.mark.parametrize(("script", "engine"), [(Script.ARABIC, "glyphs"), (Script.LATIN, "by-number")])
def test_an_isolated_glyph_on_an_arabic_page_goes_to_the_reader_of_glyphs(
    script: Script, engine: str
) -> None:
    page = two_columns()
    seven = np.full((100, 110), 225, np.uint8)
    cv2.polylines(seven, [np.array([(30, 25), (55, 75), (80, 25)], np.int32)], False, (30,), 6, cv2.LINE_AA)
    corner = np.array([[1.0, 0, 200], [0, 1, 700]])
    name = line_id(page.page.page_id, 4)
    outline = ((200, 700), (310, 700), (310, 800), (200, 800))
    page = replace(
        page,
        height=1000,
        lines=(*page.lines, Line(name, 4, outline, ((200, 780), (310, 780)))),
        images=(*page.images, LineImage(name, seven, 80, corner)),
    )
    lines = Numbers()
    engines = {Script.ARABIC: lines, Script.LATIN: lines, Script.OTHER: Deferred("none")}
    reader = PageReader(Told([script] * 5), engines, Fingerprints({}, {}), None, GlyphRecognizer.load())
    [result] = reader.read([page])
    assert isinstance(result, PageResult)
    [found] = [r.transcript for r in result.lines if r.transcript and r.line.box.y0 == 700]
    assert found.engine.name == engine
    if engine == "glyphs":
        assert (found.text, lines.read) == ("٧", 5)
        [word] = found.words
        box = (word.box.x0, word.box.y0, word.box.x1, word.box.y1)
        assert box == pytest.approx((227, 722, 284, 779), abs=2)
    assert result.status is Status.DONE
