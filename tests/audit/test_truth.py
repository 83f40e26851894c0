"""What cannot be measured is named, and texts are compared as they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ocr_core.audit.truth import Omission, comparable, measurable
from ocr_core.ground_truth import TruthLine, TruthPage

NOTHING = np.empty((0, 2))
BOX = np.array([(10.0, 10.0), (90.0, 10.0), (90.0, 40.0), (10.0, 40.0)])


def test_every_line_is_measured_or_named() -> None:
    good = TruthLine("good", "Dear Sir", NOTHING, BOX, NOTHING)
    boxed = replace(good, name="boxed", polygon=NOTHING, box=BOX)
    empty = replace(good, name="empty", text=" \u200f\u0640 ")
    flat = replace(good, name="flat", polygon=NOTHING)
    page = TruthPage("a", Path("a.xml"), None, None, (good, empty, boxed, flat))
    lines, omissions = measurable(page)
    assert [line.name for line in lines] == ["good", "boxed"]
    assert omissions == [Omission("a", "empty", "no text"), Omission("a", "flat", "no outline")]
    assert measurable(replace(page, lines=())) == ([], [Omission("a", "", "no lines")])


def test_what_counts_when_texts_are_compared() -> None:
    assert comparable("  A\t b\n\u00a0c ") == "A b c"
    assert comparable("\u200fكتـــاب\u202c") == "كتاب"
    assert comparable("e\u0301") == "é"
    assert comparable("Sir—“no” ſ") == "Sir—“no” ſ"
