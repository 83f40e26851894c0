"""Texts are compared as they should be."""

from __future__ import annotations

from ocr_core.audit.text import FOLDINGS, comparable


def test_what_counts_when_texts_are_compared() -> None:
    assert comparable("  A\t b\n\u00a0c ") == "A b c"
    assert comparable("\u200fكتـــاب\u202c") == "كتاب"
    assert comparable("e\u0301") == "é"
    assert comparable("Sir—“no” ſ") == "Sir—“no” ſ"


def test_each_folding_looks_past_more_than_the_one_before() -> None:
    taught, searched = FOLDINGS.values()
    assert taught("Sir—“no” ‘ſo’ É…") == "Sir-\"no\" 'so' É..."
    assert searched("Sir—“no” ‘ſo’ É…") == "sir no so e"
    assert searched("مَدْرَسة ٣") == searched("مدرسه 3")
    for text in ("“", "Kew — 1887", "أَلِف", ""):
        assert searched(taught(text)) == searched(text)
