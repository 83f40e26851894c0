"""Which lines look made up: pictures and texts made for it, and the shipped Arabic page, where nothing is."""

from __future__ import annotations

import numpy as np

from ocr_core.pipeline.signs import has_ink, made_up
from ocr_core.records import LineImage, Script

TEXT = "والتقليل فصل خرج به النظر"


def line(width: int = 400, *, ink: bool = True, script: Script = Script.ARABIC) -> LineImage:
    pixels = np.full((60, width), 220, np.uint8)
    pixels += np.random.default_rng(3).integers(0, 12, pixels.shape, dtype=np.uint8)  # grain of the paper
    if ink:
        pixels[20:40, 10 : width - 10 : 9] = 50
    return LineImage("p-00001-0000", pixels, 40, np.eye(2, 3), script)


def test_ordinary_lines_have_no_signs() -> None:
    assert made_up([(line(), TEXT)] * 5 + [(line(40), "١٢"), (line(30, ink=False), "")]) == [()] * 7


def test_text_without_ink() -> None:
    assert made_up([(line(), TEXT), (line(ink=False), TEXT)]) == [(), ("no-ink",)]
    assert has_ink(line(2000).pixels)
    assert not has_ink(np.full((40, 300), 90, np.uint8))


def test_text_far_longer_or_shorter_than_its_line() -> None:
    page = [(line(), TEXT)] * 5
    assert made_up([*page, (line(60), TEXT * 3)])[5] == ("odd-length",)
    assert made_up([*page, (line(1200), "باب")])[5] == ("odd-length",)
    assert made_up([(line(60), TEXT * 9)]) == [("odd-length",)]  # also on a page of its own


def test_text_of_another_script_than_the_line() -> None:
    assert made_up([(line(), "a text of quite another script")]) == [("wrong-script",)]
    assert made_up([(line(script=Script.LATIN), TEXT)]) == [("wrong-script",)]
    assert made_up([(line(), "12-3 45 678 90"), (line(script=Script.NONE), TEXT)]) == [(), ()]
