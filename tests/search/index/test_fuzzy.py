"""Close words are found by a shortcut that must lose none."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.search.index.fuzzy import CloseWords, letters_of, measure
from tests.search.oracle import distance

WORDS = st.text(alphabet="abcde\u0627\u0628\u0647\u062f\U00010140", min_size=1, max_size=7)


@given(st.lists(WORDS, max_size=40, unique=True), WORDS, st.integers(0, 3))
def test_all_close_words_and_no_others(words: list[str], asked: str, edits: int) -> None:
    terms = pa.array(words, pa.string())
    numbers, far = CloseWords(pa.chunked_array([terms]), *measure(terms)).near(asked, edits)
    expected = [(i, distance(asked, word)) for i, word in enumerate(words) if distance(asked, word) <= edits]
    assert list(zip(numbers, far, strict=True)) == expected


@given(st.lists(WORDS, max_size=20))
def test_words_are_measured_as_one_by_one(words: list[str]) -> None:
    lengths, letters = measure(pa.array(words, pa.string()))
    assert lengths.tolist() == [len(word) for word in words]
    assert letters.tolist() == [letters_of(word) for word in words]
    assert lengths.dtype == letters.dtype == np.uint32
