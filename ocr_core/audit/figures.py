"""Rates and characters as people read them."""

from __future__ import annotations

import math
import unicodedata

from ocr_core.audit.metrics.intervals import Rate


def percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.2f} %"


def bounded(rate: Rate) -> str:
    """A rate with its 95 % interval, in per cent."""
    if rate.low is None or rate.high is None:
        return percent(rate.value)
    return f"{percent(rate.value)} ({100 * rate.low:.2f}–{100 * rate.high:.2f})"


def visible(character: str) -> str:
    """A character as it can be seen in a table: space as ␣, nothing as ∅, marks and controls by their names."""
    if not character:
        return "∅"
    if character == " ":
        return "␣"
    if unicodedata.category(character)[0] in "CMZ":
        return unicodedata.name(character, f"U+{ord(character):04X}")
    return character
