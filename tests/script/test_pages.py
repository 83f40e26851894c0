"""The arithmetic of pages, on lines made by hand."""

from __future__ import annotations

import pytest

from ocr_core.records import Script
from ocr_core.script.pages import LineScript, decide_page


def line(arabic: float, latin: float | None = None) -> LineScript:
    latin = 1 - arabic if latin is None else latin
    script = Script.ARABIC if arabic > latin else Script.LATIN
    return LineScript(script, max(arabic, latin), "hand", latin=latin, arabic=arabic, none=0.0)


NOTHING = LineScript(Script.NONE, 0.9, none=0.9, latin=0.1)
OTHER = LineScript(Script.OTHER, 0.95, "print", other=0.95, none=0.05)


def scripts(page_lines):
    return [found.script for found in page_lines]


def test_page_without_lines_has_no_script():
    assert decide_page([]) == decide_page([], [])
    assert decide_page([]).script is Script.NONE
    assert decide_page([]).lines == ()


def test_page_of_digits_stays_without_script():
    page = decide_page([NOTHING, NOTHING])
    assert page.script is Script.NONE
    assert scripts(page.lines) == [Script.NONE, Script.NONE]


@pytest.mark.parametrize(("arabic", "expected"), [(0.97, Script.ARABIC), (0.03, Script.LATIN)])
def test_page_of_one_script(arabic, expected):
    page = decide_page([line(arabic)] * 5)
    assert page.script is expected
    assert page.confidence > 0.97
    assert scripts(page.lines) == [expected] * 5


def test_single_line_decides_its_page():
    assert decide_page([line(0.9)]).script is Script.ARABIC
    assert decide_page([line(0.9)]).confidence == pytest.approx(0.9, abs=1e-3)


def test_uncertain_line_follows_the_page():
    page = decide_page([line(0.98)] * 6 + [line(0.3)])
    assert page.script is Script.ARABIC
    assert page.lines[-1].script is Script.ARABIC
    assert page.lines[-1].confidence < page.lines[0].confidence


def test_worked_answer_of_the_pull():
    # The others have 1.8 lines of Arabic and 0.2 of Latin, 0.25 of each was believed before: odds 2.05 / 0.45. The line
    # itself says 0.2 / 0.8; together 1.1389, or a probability of 0.5325. (Other scripts take one part in ten thousand.)
    page = decide_page([line(0.9), line(0.9), line(0.2)])
    assert page.lines[2].script is Script.ARABIC
    assert page.lines[2].confidence == pytest.approx(0.5325, abs=1e-3)


def test_two_sure_lines_do_not_swap_their_scripts():
    page = decide_page([line(0.97), line(0.03)])
    assert scripts(page.lines) == [Script.ARABIC, Script.LATIN]


def test_a_squiggle_does_not_make_a_letter_bilingual():
    # Alone it would be Arabic (0.8 in the light of the page), which is not sure enough against twelve lines.
    page = decide_page([line(0.02)] * 12 + [line(0.995)])
    assert page.script is Script.LATIN
    assert decide_page([line(0.02)] * 12 + [line(0.9999)]).script is Script.MIXED


def test_odd_line_of_another_script_follows_the_page():
    odd = LineScript(Script.OTHER, 0.85, other=0.85, latin=0.05, none=0.1)
    assert decide_page([line(0.02)] * 8 + [odd]).script is Script.LATIN


def test_signature_in_another_script_stays():
    page = decide_page([line(0.01)] * 10 + [line(0.9995)])
    assert page.script is Script.MIXED
    assert scripts(page.lines) == [Script.LATIN] * 10 + [Script.ARABIC]


def test_line_without_letters_follows_the_nearest_line():
    lines = [line(0.001)] * 4 + [NOTHING] + [line(0.999)] * 4 + [NOTHING]
    page = decide_page(lines)
    assert page.script is Script.MIXED
    assert page.lines[4].script is Script.LATIN  # as near to both: the one above
    assert page.lines[9].script is Script.ARABIC


def test_first_line_without_letters_follows_the_one_below():
    assert decide_page([NOTHING, line(0.99)]).lines[0].script is Script.ARABIC


def test_page_of_another_script():
    page = decide_page([OTHER, OTHER, NOTHING])
    assert page.script is Script.OTHER
    assert scripts(page.lines) == [Script.OTHER] * 3


def test_long_lines_say_more_than_short_ones():
    lines = [line(0.9), line(0.1), line(0.5, 0.5)]
    assert decide_page(lines, [10, 1, 1]).lines[2].script is Script.ARABIC
    assert decide_page(lines, [1, 10, 1]).lines[2].script is Script.LATIN


def test_lines_without_weight_do_no_harm():
    assert decide_page([line(0.9), line(0.9)], [0, 0]).script is Script.ARABIC


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_wrong_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        decide_page([line(0.9), line(0.9)], weights)


def test_page_number_that_looks_like_letters_does_not_mix_the_page():
    number = LineScript(Script.LATIN, 0.99, latin=0.66, arabic=0.0, other=0.16, none=0.18)
    page = decide_page([line(0.99)] * 12 + [number])
    assert page.script is Script.ARABIC


def written(probability: float) -> LineScript:
    return LineScript(Script.LATIN, 1.0, latin=1.0, none=0.0, written=probability)


def test_worked_answer_of_a_line_that_follows_its_page_s_hand():
    # Three printed lines beside it say 0.1 each, one line of each kind was believed before: (1 + 0.3) / (2 + 3) = 0.26 for
    # handwriting. The line's own 0.7 makes 0.7 · 0.26 / (0.7 · 0.26 + 0.3 · 0.74) = 0.45, which is neither.
    page = decide_page([written(0.1)] * 3 + [written(0.7)])
    assert [line.hand for line in page.lines] == ["print"] * 3 + [""]
    # Beside nine of them, (1 + 0.9) / 11 = 0.17 and 0.33: print.
    assert decide_page([written(0.1)] * 9 + [written(0.7)]).lines[-1].hand == "print"


def test_a_signature_under_a_printed_letter_stays_written():
    page = decide_page([written(0.05)] * 12 + [written(0.995)])
    assert [line.hand for line in page.lines] == ["print"] * 12 + ["hand"]


def test_lines_without_letters_have_no_hand_of_their_own():
    assert decide_page([written(0.9), NOTHING]).lines[1].hand == ""
