"""From what a network wrote to words: boxes where the letters stand, order as they are read."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.recognizers.decoding.ctc import Decoded, greedy
from ocr_core.recognizers.decoding.words import in_reading_order, words_of
from ocr_core.records import Box


def peaks(frames: list[int], classes: list[int]) -> Decoded:
    """A line of 24 frames with a character at each of `frames`, certain to 0.91."""
    best = np.zeros(24, int)
    best[frames] = classes
    probabilities = np.full((24, 10), 0.01)
    probabilities[np.arange(24), best] = 0.91
    return greedy(np.log(probabilities).astype(np.float32))


def test_words_have_boxes_at_their_letters() -> None:
    decoded = peaks([4, 8, 14, 20], [2, 3, 1, 4])  # 5 pixels a frame
    first, second = words_of(in_reading_order("ab c", rtl=False), decoded, (40, 118), 5.0)
    assert (first.text, second.text) == ("ab", "c")
    assert first.box == Box(12, 0, 53, 40)
    assert second.box == Box(92, 0, 113, 40)
    assert first.confidence == pytest.approx(0.91, abs=1e-3)


def test_words_of_a_line_from_the_right_begin_at_the_right() -> None:
    # "من ٤٢ (a)" as it stands from left to right.
    drawn = "(a) ٤٢ نم"
    decoded = peaks([1, 3, 5, 7, 10, 12, 15, 18, 21], list(range(1, 10)))
    words = list(words_of(in_reading_order(drawn, rtl=True), decoded, (40, 120), 5.0))
    assert [w.text for w in words] == ["من", "٤٢", "(a)"]
    assert words[0].box.x0 >= words[1].box.x1 - 5
    assert words[1].box.x0 >= words[2].box.x1 - 5
    assert words[0].box == Box(82, 0, 118, 40)


def test_a_blank_line_has_no_words() -> None:
    decoded = peaks([], [])
    assert list(words_of(in_reading_order("", rtl=True), decoded, (40, 120), 5.0)) == []
