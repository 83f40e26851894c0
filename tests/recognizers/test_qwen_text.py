"""Tokens of a Qwen-VL model as text: words, broken bytes, loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocr_core.recognizers.loops import loop_length
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.text import token_bytes, words_of


def test_tokens_become_the_text_that_the_tokenizer_gives(engine: QwenPageRecognizer) -> None:
    tokenizer: Any = engine.writer.loaded.tokenizer
    text = "يعني ان  من\n\nالحساب ١٢٣ a-b \u200fé€\U0001f600 \n والتّسمية"
    tokens = tokenizer(text)["input_ids"]
    assert b"".join(token_bytes(tokenizer, t) for t in tokens).decode() == text
    lines = words_of(tokenizer, tokens, [-0.5] * len(tokens))
    assert [[word.text for word in line] for line in lines] == [
        ["يعني", "ان", "من"], ["الحساب", "١٢٣", "a-b", "é€\U0001f600"], ["والتّسمية"],
    ]  # fmt: skip
    assert all(word.confidence == pytest.approx(np.exp(-0.5)) for line in lines for word in line)


def test_bytes_that_are_no_text_are_shown_as_such_and_spoil_nothing_else(engine: QwenPageRecognizer) -> None:
    tokenizer: Any = engine.writer.loaded.tokenizer
    half = tokenizer.convert_tokens_to_ids("Ø")  # the first byte of an Arabic letter
    good_word = tokenizer(" باب")["input_ids"]
    lines = words_of(tokenizer, [half, *good_word, half], [-2.0, *[0.0] * len(good_word), -2.0])
    assert [[word.text for word in line] for line in lines] == [["�", "باب�"]]


def test_loops_are_cut_to_what_they_repeat() -> None:
    assert loop_length([1, 2, *[7, 8, 9] * 9]) == 24
    assert loop_length([5] * 30) == 29
    assert loop_length([1, 2, 3] * 7) == 0  # too short to be sure
    assert loop_length([*[5] * 40, 6]) == 0
