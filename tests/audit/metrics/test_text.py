"""Texts are compared as they should be."""

from __future__ import annotations

import pytest

from flows.commands.audit.results import drift
from ocr_core.audit.metrics.text import FOLDINGS, NORMALISATIONS, comparable


def test_what_counts_when_texts_are_compared() -> None:
    assert comparable("  A\t b\n\u00a0c ") == "A b c"
    assert comparable("\u200fكتـــاب\u202c") == "كتاب"
    assert comparable("e\u0301") == "é"
    assert comparable("Sir—“no” ſ") == "Sir—“no” ſ"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("quotes", "Sir—“no” ‘ſo’ É…", "Sir-\"no\" 'so' É..."),
        ("case", "Straße ÉLAN “No”", "strasse élan “no”"),
        ("case", "أَحمد", "أَحمد"),
        ("punctuation", "Sir—“no”, to-day: don't! (£5)", "Sir no to day dont £5"),
        ("punctuation", "قال: «نعم»، لماذا؟", "قال نعم لماذا"),
        ("diacritics", "Élan naïve", "Elan naive"),
        ("diacritics", "مُدَرِّسٌ أَكَل الآن مسؤول", "مدرس أكل الآن مسؤول"),
        ("diacritics", "رحمٰن", "رحمن"),
        ("alef", "أكل إلى الآن ٱلله Élan", "اكل الى الان الله Élan"),
        ("all", "Sir—“NO” É… أَكَلَ، الآن", "sir no e اكل الان"),
        ("search", "Sir—“no” ‘ſo’ É…", "sir no so e"),
        ("search", "مَدْرَسة ٣", "مدرسه 3"),
    ],
)
def test_what_each_folding_looks_past(name: str, text: str, wanted: str) -> None:
    folded = FOLDINGS[name].fold(comparable(text))
    assert folded == wanted
    assert FOLDINGS[name].fold(folded) == folded


def test_all_together_look_past_what_each_does() -> None:
    everything = FOLDINGS["all"].fold
    for text in ("“", "Kew — 1887", "أَلِف", "ÉLAN, “Straße”", ""):
        for name in ("quotes", "case", "punctuation", "diacritics", "alef"):
            assert everything(FOLDINGS[name].fold(text)) == everything(text)
        assert FOLDINGS["search"].fold(everything(text)) == FOLDINGS["search"].fold(text)


def test_a_drift_can_be_told_by_each_of_them() -> None:
    [option] = [option for option in drift.params if option.name == "normalisation"]
    assert tuple(option.type.choices) == NORMALISATIONS  # type: ignore[attr-defined]
