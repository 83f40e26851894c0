"""Error rates of readings against transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Edits over length of the transcripts, summed before dividing (0 and up). `lines` is their number."""

    cer: float
    wer: float
    lines: int


def error_rates(truths: Sequence[str], readings: Sequence[str]) -> ErrorRates:
    """Character and word error rate, case, punctuation and accents counted."""
    edits = characters = word_edits = words = 0
    for truth, reading in zip(truths, readings, strict=True):
        edits += Levenshtein.distance(truth, reading)
        characters += len(truth)
        word_edits += Levenshtein.distance(truth.split(), reading.split())
        words += len(truth.split())
    return ErrorRates(edits / max(characters, 1), word_edits / max(words, 1), len(truths))
