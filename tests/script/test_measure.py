from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.records import Script
from ocr_core.script.measure import measure_pages, pages_by_outline
from ocr_core.script.router import ScriptRouter
from ocr_core.training.ground_truth import TruePage, read_lines

SAMPLES = Path(__file__).parents[2] / "samples"

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="p.png" imageWidth="400" imageHeight="200"><TextRegion id="r">
<TextLine id="a"><Coords points="{points}"/><TextEquiv><Unicode>سطر</Unicode></TextEquiv></TextLine>
<TextLine id="b"><Coords points="0,0 5,0 5,5"/><TextEquiv><Unicode>too small</Unicode></TextEquiv></TextLine>
<TextLine id="c"><Coords points="10,10 90,10 90,50"/><TextEquiv><Unicode></Unicode></TextEquiv></TextLine>
</TextRegion></Page></PcGts>"""


def test_baselines_of_outlines_are_guessed(tmp_path):
    cv2.imwrite(str(tmp_path / "p.png"), np.full((200, 400), 255, np.uint8))
    (tmp_path / "p.xml").write_text(PAGE.format(points="20,50 380,50 380,150 20,150"), "utf-8")
    (page,) = pages_by_outline(tmp_path)
    (line,) = page.lines
    assert line.text == "سطر"
    assert line.baseline[:, 1] == pytest.approx(np.full(12, 50 + 0.68 * 100), abs=2)
    assert np.ptp(line.baseline[:, 0]) > 340


def test_a_sample_page_is_measured():
    image = SAMPLES / "archive/arabic/synthetic-arithmetic.jpg"
    page = TruePage(image.stem, image, tuple(read_lines(SAMPLES / "ground_truth/synthetic-arithmetic.xml")))
    figures = measure_pages(ScriptRouter.load(), [page], Script.ARABIC)
    assert (figures.lines, figures.pages) == (18, 1)
    assert figures.settled_accuracy == figures.page_accuracy == 1
    assert measure_pages(ScriptRouter.load(), [page], Script.LATIN).page_accuracy == 0


def test_nothing_to_measure():
    figures = measure_pages(ScriptRouter.load(), [], Script.ARABIC)
    assert (figures.lines, figures.pages) == (0, 0)
