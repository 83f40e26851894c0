"""Tokens of a byte-level vocabulary back to words, each with the confidence of the tokens that spell it."""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from ocr_core.records import ReadWord

_WORD = re.compile(r"\S+")
_UNSEEN = {
    *range(0x20),
    0x7F,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
} - {9, 10, 0x200C}
_DROP = dict.fromkeys(_UNSEEN)
"""Control characters and marks of direction, which text in logical order does not need; ZWNJ parts letters and stays."""

BROKEN = "�"


@cache
def _bytes_of_characters() -> dict[str, int]:
    """How byte-level vocabularies write bytes: printable ones as themselves, the others from U+0100 on.

    Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), in the encoder published with it.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


def token_bytes(tokenizer: Any, token: int) -> bytes:
    """What a token writes; nothing for special ones. A character may be spread over several tokens."""
    if token in tokenizer.all_special_ids:
        return b""
    text = tokenizer.convert_ids_to_tokens(token)
    if text is None:
        return b""
    table = _bytes_of_characters()
    if all(char in table for char in text):
        return bytes(table[char] for char in text)
    return str(text).encode()


def words_of(tokenizer: Any, tokens: Sequence[int], log_probs: Sequence[float]) -> list[list[ReadWord]]:
    """The words of each line that was written, lines without words left out.

    Bytes that are no UTF-8 become U+FFFD. A word's confidence is the geometric mean of its tokens' probabilities.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, owners = "", []
    for place, token in enumerate(tokens):
        # Bytes one by one, so that it is known which token completed each character.
        for byte in token_bytes(tokenizer, token):
            more = decoder.decode(bytes([byte]))
            text += more
            owners += [place] * len(more)
    text += (rest := decoder.decode(b"", final=True))
    owners += [len(tokens) - 1] * len(rest)

    lines: list[list[ReadWord]] = [[]]
    end = 0
    for match in _WORD.finditer(text):
        if "\n" in text[end : match.start()] and lines[-1]:
            lines.append([])
        end = match.end()
        word = unicodedata.normalize("NFC", match[0].translate(_DROP))
        if not word:
            continue
        own = sorted(set(owners[match.start() : match.end()]))
        mean = sum(log_probs[t] for t in own) / len(own)
        lines[-1].append(ReadWord(word, min(1.0, math.exp(mean))))
    return [line for line in lines if line]
