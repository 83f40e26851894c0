from __future__ import annotations

from pathlib import Path

from ocr_core.ground_truth import read_page
from ocr_core.records import Script
from ocr_core.script.measure import measure_pages
from ocr_core.script.router import ScriptRouter
from ocr_core.training.ground_truth import cuttable

SAMPLES = Path(__file__).parents[2] / "samples"


def test_a_sample_page_is_measured():
    truth = SAMPLES / "ground_truth/synthetic-arithmetic.xml"
    page = cuttable(read_page(truth, [SAMPLES / "archive/arabic"]))
    figures = measure_pages(ScriptRouter.load(), [page], Script.ARABIC)
    assert (figures.lines, figures.pages) == (18, 1)
    assert figures.settled_accuracy == figures.page_accuracy == 1
    assert measure_pages(ScriptRouter.load(), [page], Script.LATIN).page_accuracy == 0


def test_nothing_to_measure():
    figures = measure_pages(ScriptRouter.load(), [], Script.ARABIC)
    assert (figures.lines, figures.pages) == (0, 0)
