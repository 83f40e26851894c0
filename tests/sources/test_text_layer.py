"""Text as poppler draws it, characters from left to right → logical order; boxes; what is no text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.records import Box
from ocr_core.sources import logical, textlayer
from ocr_core.sources.textlayer import DrawnWord


def drawn(logical_text: str) -> str:
    """A right-to-left word as drawn, left to right."""
    return logical_text[::-1]


def text_of(words: list[str], *, mirror: bool = False) -> str:
    return " ".join(text for _, text in logical.order(words, mirror=mirror))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([drawn("مصر"), drawn("تاريخ")], "تاريخ مصر"),
        (["2017", drawn("عام")], "عام 2017"),
        (["٢٠١٧", drawn("عام")], "عام ٢٠١٧"),
        (["12,094", drawn("حوالي")], "حوالي 12,094"),  # separators inside a number stay
        ([".2016", drawn("عام")], "عام 2016."),  # the full stop ends the sentence, at the left
        (["%3.9", drawn("نسبته")], "نسبته 3.9%"),
        (["2017-2011", drawn("الفترة")], "الفترة 2011-2017"),
        ([drawn("مقدمة"), "Royal", "Gardens", drawn("حدائق")], "حدائق Royal Gardens مقدمة"),
        (["see", drawn("تاريخ"), drawn("مصر"), "in", "Kew"], "see مصر تاريخ in Kew"),  # a left-to-right line
        ([drawn("مقدمة"), "Kew"], "Kew مقدمة"),  # ends that disagree: as most letters
        (["Sir", "Joseph", "1876"], "Sir Joseph 1876"),
        ([drawn("שלום")], "שלום"),
    ],
)
def test_lines_come_back_in_logical_order(words: list[str], expected: str) -> None:
    assert text_of(words) == expected


def test_the_direction_of_an_unclear_line_is_that_of_its_page() -> None:
    line = [drawn("تاريخ"), "Kew"]
    assert [text for _, text in logical.order(line, rtl_page=True)] == ["Kew", "تاريخ"]
    assert [text for _, text in logical.order(line, rtl_page=False)] == ["تاريخ", "Kew"]


def test_brackets_that_were_stored_as_they_look() -> None:
    looks = [")" + drawn("المراجع") + "(", drawn("فهرس")]  # the left one looks like "(" on paper
    meant = ["(" + drawn("المراجع") + ")", drawn("فهرس")]
    assert logical.brackets_are_mirrored([meant]) and not logical.brackets_are_mirrored([looks])
    assert text_of(looks) == text_of(meant, mirror=True) == "فهرس (المراجع)"


def test_presentation_forms_become_letters_after_the_turn() -> None:
    assert text_of(["ﺮﺼﻣ"]) == "مصر"
    assert text_of(["ﻡﻼﺳ"]) == "سلام"  # one glyph for lam-alef
    assert text_of(["ﬁnd", "ﬂour"]) == "find flour"
    assert logical.letters("ﷺ") == "ﷺ"


def test_a_ligature_stored_as_its_letters_is_put_right_where_that_is_certain() -> None:
    # drawn: the ligature's two letters stand in logical order inside the turned word
    assert text_of(["داريتس" + "لا" + "ا"]) == "الاستيراد"
    assert text_of(["ةيميداك" + "لأ" + "ا"]) == "الأكاديمية"
    assert text_of(["لله" + "ا"]) == "الله"
    assert text_of(["ل" + "لا" + "خ"]) == "خلال" and text_of(["لا"]) == "لا"
    assert text_of([drawn("العالم")]) == "العالم"


ARABIC = st.text(
    "ابتثجحخدذرزسشصضطظعغفقكمنهوي", min_size=1, max_size=8
)  # without lam: its ligature is ambiguous


@given(st.lists(ARABIC, min_size=1, max_size=6))
def test_turning_is_the_inverse_of_drawing(words: list[str]) -> None:
    words = [word.replace("اا", "ا") for word in words]
    assert text_of([drawn(word) for word in reversed(words)]) == " ".join(words)


@given(st.lists(st.text("abcXYZ019.,-(%:", min_size=1, max_size=6), min_size=1))
def test_left_to_right_lines_are_left_alone(words: list[str]) -> None:
    assert text_of(words) == " ".join(words)


@given(
    st.lists(
        st.text("سلام abc019.,-(%:»\u064b\ufefb", min_size=1, max_size=6).map(lambda s: s.replace(" ", "_"))
    )
)
def test_no_character_is_lost(words: list[str]) -> None:
    result = logical.order(words)
    assert sorted(index for index, _ in result) == list(range(len(words)))
    assert sorted(logical.letters("".join(words))) == sorted("".join(text for _, text in result))


# -- lines with boxes ----------------------------------------------------------------------------------------


def word(text: str, x0: float, x1: float, y0: float = 10, y1: float = 20) -> DrawnWord:
    return DrawnWord(text, x0, y0, x1, y1)


def test_boxes_are_scaled_to_whole_pixels_inside_the_image() -> None:
    (line,) = textlayer.to_lines([[word("a", 10.2, 20.9), word("b", 95, 104)]], (100, 50), (200, 100))
    assert [w.box for w in line.words] == [Box(20, 20, 42, 40), Box(190, 20, 200, 40)]
    assert line.box == Box(20, 20, 200, 40)


def test_words_outside_the_page_are_dropped() -> None:
    assert (
        textlayer.to_lines([[word("a", 110, 130)], [word("b", 10, 20, -30, -20)]], (100, 50), (200, 100))
        == ()
    )


def test_pieces_without_a_space_between_them_are_one_word() -> None:
    pieces = [word(drawn("ونمر"), 30.1, 60), word("ً", 30.0, 30.0), word("ا", 27, 30)]
    (line,) = textlayer.to_lines([pieces], (100, 50), (100, 50))
    assert line.text == "ونمراً" and line.words[0].box == Box(27, 10, 60, 20)


def test_unmapped_glyphs_are_dropped_and_lower_the_confidence() -> None:
    (line,) = textlayer.to_lines([[word("ab\ufffdc", 0, 9)], [word("\ue000", 0, 9)]], (100, 50), (100, 50))
    assert line.text == "abc" and line.words[0].confidence == 0.75


def test_text_is_nfc() -> None:
    (line,) = textlayer.to_lines([[word("cafe\u0301", 0, 9)]], (100, 50), (100, 50))
    assert line.text == "café" and unicodedata.is_normalized("NFC", line.text)


MARKUP = """<doc>
  <page width="100.000000" height="50.000000">
    <flow><block xMin="1" yMin="1" xMax="9" yMax="9">
        <line xMin="1.0" yMin="1.0" xMax="9.0" yMax="9.0">
          <word xMin="1.000000" yMin="1.5" xMax="9.000000" yMax="9.5">R&amp;D\u202b\x07&lt;x&gt;</word>
          <word xMin="-1.0" yMin="1.5" xMax="9.000000" yMax="9.5">\x0c</word>
        </line>
    </block></flow>
  </page>
  <page width="100.000000" height="50.000000">
  </page>
</doc>"""


def test_markup_is_parsed_without_controls() -> None:
    assert textlayer.parse(MARKUP) == [[[DrawnWord("R&D<x>", 1.0, 1.5, 9.0, 9.5)]], []]
    assert textlayer.parse("") == []


@pytest.mark.parametrize(
    ("text", "is_text"),
    [
        ("Dear Sir, I received your letter", True),
        ("تاريخ الفكر الاقتصادي", True),
        ("17", True),
        ("", False),
        ("\ufffd\ufffd\ufffd\ufffd letter", False),
        ("\ue001\ue002\ue003 \ue004\ue005", False),
        ("!\"#$ %&'( )*+, -./: ;<=> !\"#$ %&'( a", False),  # a font without a mapping
        ("— · —", False),
    ],
)
def test_garbage_is_no_text(text: str, is_text: bool) -> None:
    assert textlayer.is_text([[word(w, 0, 1) for w in text.split()]]) == is_text
