"""Text of whole pages put on lines: worked pages, a search through all ways, and nothing is ever lost."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_core.pipeline.whole_pages.align import _MOVED_END, Alignment, _best, _lonely, _misfit, align
from ocr_core.records import ReadWord

LINES = (
    "والتقليل فصل خرج به النظر في البراهين وفيه ايضا",
    "التكثير عبارة عن الجمع",
    "هاذه الاربعة تدور اعمال الحساب كلها",
    "صحيحا كان او كسرا",
    "والفصول جمع فصل وهو لغة الحاجز بين شيئين",
)
WIDTHS = [1000, 470, 740, 350, 860]


def rows(*texts: str) -> list[list[ReadWord]]:
    return [[ReadWord(word, 0.9) for word in text.split()] for text in texts]


def texts(found: Alignment) -> list[str]:
    return [" ".join(word.text for word in line.words) for line in found.lines]


def flags(found: Alignment) -> list[tuple[str, ...]]:
    return [line.flags for line in found.lines]


def test_as_many_lines_as_were_found() -> None:
    found = align(rows(*LINES), WIDTHS)
    assert texts(found) == list(LINES)
    assert flags(found) == [()] * 5
    assert not found.unplaced


@pytest.mark.parametrize("place", range(6))
def test_a_speck_among_the_lines_gets_no_text(place: int) -> None:
    found = align(rows(*LINES), [*WIDTHS[:place], 25, *WIDTHS[place:]])
    assert texts(found) == [*LINES[:place], "", *LINES[place:]]
    assert flags(found) == [()] * place + [("no-text",)] + [()] * (5 - place)


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_text_of_a_line_that_was_not_found_is_kept_apart(missed: int) -> None:
    left = [n for n in range(5) if n != missed]
    found = align(rows(*LINES), [WIDTHS[n] for n in left], [100.0 * n for n in left])
    assert texts(found) == [LINES[n] for n in left]
    [apart] = found.unplaced
    assert " ".join(word.text for word in apart.words) == LINES[missed]
    assert apart.flags == ("no-line",)


def test_a_line_missed_anywhere_on_a_justified_page() -> None:
    """Its lines are as long as each other: only the gap tells which one it was."""
    page = [f"{'ابجد' * 3} {'هوز' * 4} {number * 'ح'} {'طي' * 9}" for number in range(1, 19)]
    for missed in range(1, 17):
        left = [n for n in range(18) if n != missed]
        found = align(rows(*page), [1000.0] * 17, [40.0 * n for n in left])
        assert texts(found) == [page[n] for n in left]
        assert len(found.unplaced) == 1


def test_a_paragraph_without_line_ends_is_cut_where_the_lines_end() -> None:
    found = align(rows(" ".join(LINES)), WIDTHS)
    assert texts(found) == list(LINES)
    assert set(flags(found)) == {("split",)}


def test_two_written_lines_on_one_long_line_that_was_found() -> None:
    found = align(rows(*LINES), [*WIDTHS[:2], WIDTHS[2] + WIDTHS[3], WIDTHS[4]])
    assert texts(found) == [*LINES[:2], f"{LINES[2]} {LINES[3]}", LINES[4]]
    assert flags(found) == [(), (), ("joined",), ()]


def test_nothing_written_or_nothing_found() -> None:
    assert flags(align([], [100, 50])) == [("no-text",)] * 2
    assert [line.flags for line in align(rows(*LINES), []).unplaced] == [("no-line",)] * 5
    assert align([], []) == Alignment(())


PAGES = st.lists(
    st.lists(st.text("ابتثجح", min_size=1, max_size=9), min_size=1, max_size=4), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(PAGES, st.lists(st.integers(5, 900), min_size=1, max_size=5))
def test_every_word_is_kept_once_and_in_order(page: list[list[str]], widths: list[int]) -> None:
    written = [[ReadWord(word, 0.5) for word in row] for row in page]
    found = align(written, widths)
    assert len(found.lines) == len(widths)
    # Words are told apart by what they are, not by how they read.
    order = {id(word): n for n, word in enumerate(word for row in written for word in row)}
    on_lines = [order[id(word)] for line in found.lines for word in line.words]
    apart = [order[id(word)] for line in found.unplaced for word in line.words]
    assert on_lines == sorted(on_lines)
    assert sorted(on_lines + apart) == list(range(len(order)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.integers(5, 900), min_size=2, max_size=3),
)
def test_no_way_of_cutting_is_cheaper(page: list[list[int]], widths: list[int]) -> None:
    """Against all ways to cut the words into as many runs as there are lines, rows left alone aside."""
    written = [[ReadWord("ب" * length, 0.5) for length in row] for row in page]
    words = [length + 1 for row in page for length in row]
    row_of = [n for n, row in enumerate(page) for _ in row]
    expected = np.array(widths) * sum(words) / sum(widths)

    def cost(runs: list[list[int]]) -> float:
        total = 0.0
        for run, room in zip(runs, expected, strict=True):
            if not run:
                total += _lonely(float(room))
                continue
            total += float(_misfit(np.array([float(sum(words[i] for i in run))]), float(room))[0])
            total += _MOVED_END * (row_of[run[-1]] - row_of[run[0]])
            last = run[-1] + 1
            total += _MOVED_END * (last < len(words) and row_of[last] == row_of[last - 1])
        return total

    ours, found = _best(written, expected, np.ones(len(widths) + 1))
    if found.unplaced:
        return
    order = {id(word): n for n, word in enumerate(word for row in written for word in row)}
    assert ours == pytest.approx(cost([[order[id(word)] for word in line.words] for line in found.lines]))
    count = len(words)
    ways = combinations_with_replacement(range(count + 1), len(widths) - 1)
    best = min(
        cost([list(range(a, b)) for a, b in zip((0, *cuts), (*cuts, count), strict=True)]) for cuts in ways
    )
    assert ours == pytest.approx(best)
