"""Which words of a vocabulary are close to a word: by length and letters first, then truly measured.

Two words within d edits differ in length by at most d, and each edit adds or takes at most two letters of the set
of letters they hold. So a comparison of lengths and of 32-bit sets of letters loses nothing, and leaves few words to
measure: with the optimal string alignment distance (insertion, deletion, substitution, swap of neighbours).
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

_LETTERS: Final = 31  # letters are told apart by their last five bits, as good as apart within one script


def letters_of(word: str) -> int:
    """The set of a word's letters as bits."""
    bits = 0
    for char in word:
        bits |= 1 << (ord(char) & _LETTERS)
    return bits


def measure(terms: pa.StringArray) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Lengths in characters and `letters_of` all terms, none of them empty: uint32 [n] each."""
    lengths = np.asarray(pc.utf8_length(terms), dtype=np.uint32)
    if not len(lengths):
        return lengths, lengths
    codes = np.frombuffer("".join(terms.to_pylist()).encode("utf-32-le"), dtype=np.uint32)
    bits = np.left_shift(np.uint32(1), codes & np.uint32(_LETTERS))
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return lengths, np.bitwise_or.reduceat(bits, starts)


class CloseWords:
    """Finds close words among terms that keep their numbers.

    Args:
        lengths, letters: of the terms, uint32 [n], as `measure` gives them.
    """

    def __init__(
        self, terms: pa.ChunkedArray, lengths: NDArray[np.uint32], letters: NDArray[np.uint32]
    ) -> None:
        self._terms = terms
        self._longest = int(lengths.max(initial=0))
        self._by_length = np.argsort(lengths, kind="stable")
        self._letters = letters[self._by_length]
        self._starts = np.searchsorted(lengths[self._by_length], np.arange(self._longest + 2))

    @cached_property
    def _spelled(self) -> pa.Array:
        return self._terms.combine_chunks()

    def near(self, word: str, edits: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Numbers of the terms within `edits` of `word`, and how far each is; ascending by number."""
        low = max(len(word) - edits, 1)
        high = min(len(word) + edits, self._longest)
        if low > high:
            return np.empty(0, np.int64), np.empty(0, np.uint8)
        span = slice(self._starts[low], self._starts[high + 1])
        differing = np.bitwise_count(self._letters[span] ^ np.uint32(letters_of(word)))
        numbers = np.sort(self._by_length[span][differing <= 2 * edits])
        spelled = self._spelled.take(pa.array(numbers)).to_pylist()
        far = process.cdist([word], spelled, scorer=OSA.distance, score_cutoff=edits, dtype=np.uint8)[0]
        close = far <= edits
        return numbers[close], far[close]
