"""The script of a page, and what the page says about its uncertain lines. Plain arithmetic, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_core.records import Script

PULL = 0.98
"""The rest of a page counts as at most this sure about a line: stronger evidence of the line itself wins."""
OTHER_FROM = 0.8
"""A line is of another script only where the network is this sure."""


@dataclass(frozen=True, slots=True)
class LineScript:
    """The script of one line.

    Attributes:
        script: LATIN, ARABIC, OTHER, or NONE where there is nothing to read or only digits and punctuation.
        confidence: of that decision, 0..1.
        hand: `hand`, `print`, or empty where that is not clear.
        latin, arabic, other, none: probabilities of the line by itself, sum 1; on a line of two scripts each
            has about its share.
    """

    script: Script
    confidence: float
    hand: str = ""
    latin: float = 0.0
    arabic: float = 0.0
    other: float = 0.0
    none: float = 1.0


@dataclass(frozen=True, slots=True)
class PageScript:
    """The script of a page.

    Attributes:
        script: LATIN, ARABIC, OTHER, MIXED (lines of more than one script, each to its own engine), or NONE.
        confidence: of that decision, 0..1.
        lines: the lines again, in order, as they look in the light of the page: lines without letters have
            the script of their neighbours, uncertain ones the script of the page. NONE stays only on a page
            of NONE.
    """

    script: Script
    confidence: float
    lines: tuple[LineScript, ...]


def decide_page(lines: Sequence[LineScript], weights: Sequence[float] | None = None) -> PageScript:
    """Decide a page from its lines, and the uncertain lines from the page.

    Each line is judged by its own probabilities and by those of all other lines, which are the prior of its
    script: a doubtful line follows the page, one that is clearly different (a signature, a quotation) stays.

    Args:
        lines: in reading order.
        weights: how much each line says, e.g. its length in pixels or amount of ink; same length, >= 0. None:
            all the same.

    Raises:
        ValueError: lines and weights differ in length, or a weight is negative or not finite.
    """
    if weights is None:
        weights = [1.0] * len(lines)
    if len(weights) != len(lines):
        raise ValueError(f"{len(lines)} lines but {len(weights)} weights")
    if any(not math.isfinite(w) or w < 0 for w in weights):
        raise ValueError("weights must be finite and at least 0")
    voters = [i for i, line in enumerate(lines) if line.script is not Script.NONE]
    if not voters:
        sure = min((line.confidence for line in lines), default=1.0)
        return PageScript(Script.NONE, sure, tuple(lines))
    judged = {i: _in_context(i, lines, weights, voters) for i in voters}
    settled = tuple(judged.get(i) or _like_neighbours(i, lines[i], judged) for i in range(len(lines)))
    found = {line.script for line in judged.values()}
    if len(found) == 1:
        return PageScript(
            found.pop(), _mean([judged[i].confidence for i in voters], [weights[i] for i in voters]), settled
        )
    rare = min(found, key=lambda s: max(line.confidence for line in judged.values() if line.script is s))
    sure = max(line.confidence for line in judged.values() if line.script is rare)
    return PageScript(Script.MIXED, sure, settled)


def _in_context(
    index: int, lines: Sequence[LineScript], weights: Sequence[float], voters: Sequence[int]
) -> LineScript:
    """One line, given all other lines with letters."""
    line = lines[index]
    others = [i for i in voters if i != index and lines[i].script is not Script.OTHER]
    if line.script is Script.OTHER:
        return line
    latin = sum(weights[i] * lines[i].latin for i in others)
    arabic = sum(weights[i] * lines[i].arabic for i in others)
    prior = _clip(arabic / (latin + arabic), PULL) if latin + arabic > 0 else 0.5
    own = _clip(line.arabic / max(line.arabic + line.latin, 1e-9), 0.9999)
    odds = own / (1 - own) * prior / (1 - prior)
    is_arabic = odds / (1 + odds)
    script = Script.ARABIC if is_arabic >= 0.5 else Script.LATIN
    return replace(line, script=script, confidence=max(is_arabic, 1 - is_arabic))


def _like_neighbours(index: int, line: LineScript, judged: dict[int, LineScript]) -> LineScript:
    """A line without letters takes the script of the nearest one with letters; of two as near, that above."""
    nearest = min(judged, key=lambda i: (abs(i - index), i > index))
    like = judged[nearest]
    return replace(line, script=like.script, confidence=like.confidence)


def _clip(share: float, limit: float) -> float:
    return min(max(share, 1 - limit), limit)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return (
        sum(v * w for v, w in zip(values, weights, strict=True)) / total
        if total
        else sum(values) / len(values)
    )
