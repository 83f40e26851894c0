"""Folding: worked answers, and laws that hold for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.library.folding import fold, fold_tokens

ARABIC = st.text(st.characters(min_codepoint=0x600, max_codepoint=0x6FF))
FORMS = st.text(st.sampled_from("ﷺﷲﷻﻻﺍﺎﹰﱠﹺ½ﬁǅßİıſÅ①㎏e\u0301\u0640\u200d\u064b ʼn-"))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Kew, Sept. 1847", "kew sept 1847"),
        ("Don’t well-known", "don t well known"),
        ("ſtraße Œuvre Ænima ﬁne naïve Łódź", "strasse oeuvre aenima fine naive lodz"),
        ("İstanbul ISPARTA ıspanak", "istanbul isparta ispanak"),
        ("e\u0301te\u0301 = été", "ete ete"),
        ("ٱلْحَمْدُ لِلَّهِ", "الحمد لله"),
        ("أحمد إلى آخر", "احمد الي اخر"),
        ("مكتبة مسؤول رئيس ماء", "مكتبه مسوول رييس ماء"),
        ("کتابی ۱۲ ٣٤", "كتابي 12 34"),
        ("العـــــربية", "العربيه"),
        ("ﻣﺤﻤﺪ ﻻ", "محمد لا"),
        ("ﷺ", "صلي الله عليه وسلم"),
        ("قال\u200f: \u202bنعم\u202c", "قال نعم"),
        ("snake_case …", "snake case"),
        ("", ""),
        ("\u064b — !", ""),
    ],
)
def test_worked_answers(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.one_of(st.text(), ARABIC, FORMS))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.one_of(st.text(), ARABIC, FORMS))
def test_tokens_are_the_folded_text_in_order_and_in_place(text: str) -> None:
    tokens = fold_tokens(text)
    assert " ".join(t.text for t in tokens) == fold(text)
    assert all(t.text in fold(text[t.start : t.end]).split() for t in tokens)
    assert [t.start for t in tokens] == sorted(t.start for t in tokens)


@given(
    st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1), st.sampled_from(" .,;:—/()\t")
)
def test_separators_part_words(text: str, separator: str) -> None:
    assert fold(text + separator + text) == " ".join([fold(text), fold(text)]).strip()
