"""The script of a page, and what the page says about its uncertain lines. Plain arithmetic, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_core.records import Script

READABLE = (Script.LATIN, Script.ARABIC, Script.OTHER)
PSEUDO_LINES = (0.25, 0.25, 0.05)
"""What is believed of a page before it is seen, in lines of each of `READABLE`. The less, the more a page pulls."""
FLOOR = 1e-4
"""No line is more certain than this about what it is not."""
OTHER_FROM = 0.8
"""A line is of another script only where the network is this sure."""
MOST = 0.75
"""Where one script has this share of a page by weight …"""
MINORITY = 0.9
"""… a line differs from it only if it is this sure: else a squiggle would make a letter bilingual."""

SURE_OF_HAND = 0.6
HAND_FLOOR = 0.02
"""No line is more certain than this about being print, or being written: so much a page of the other kind can outweigh."""


@dataclass(frozen=True, slots=True)
class LineScript:
    """The script of one line.

    Attributes:
        script: LATIN, ARABIC, OTHER, or NONE where there is nothing to read or only digits and punctuation.
        confidence: of that decision, 0..1.
        hand: `hand`, `print`, or empty where that is not clear.
        latin, arabic, other, none: probabilities of the line by itself, sum 1; on a line of two scripts each
            has about its share.
        written: probability that the line by itself is handwriting.
    """

    script: Script
    confidence: float
    hand: str = ""
    latin: float = 0.0
    arabic: float = 0.0
    other: float = 0.0
    none: float = 1.0
    written: float = 0.5


@dataclass(frozen=True, slots=True)
class PageScript:
    """The script of a page.

    Attributes:
        script: LATIN, ARABIC, OTHER, MIXED (lines of more than one script, each to its own engine), or NONE.
        confidence: of that decision, 0..1.
        lines: the lines again, in order, as they look in the light of the page: lines without letters have
            the script of their neighbours, uncertain ones the script of the page. NONE stays only on a page
            of NONE. Whether a line is written or printed follows the page alike.
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
    judged = _with_most(judged, weights)
    judged = {
        i: replace(line, hand=_hand_in_context(i, lines, weights, voters)) for i, line in judged.items()
    }
    settled = tuple(judged.get(i) or _like_neighbours(i, lines[i], judged) for i in range(len(lines)))
    found = {line.script for line in judged.values()}
    if len(found) == 1:
        return PageScript(
            found.pop(), _mean([judged[i].confidence for i in voters], [weights[i] for i in voters]), settled
        )
    rare = min(found, key=lambda s: max(line.confidence for line in judged.values() if line.script is s))
    sure = max(line.confidence for line in judged.values() if line.script is rare)
    return PageScript(Script.MIXED, sure, settled)


def hand_of(probability: float) -> str:
    """`hand`, `print`, or empty where it is not clear which."""
    if probability >= SURE_OF_HAND:
        return "hand"
    return "print" if probability <= 1 - SURE_OF_HAND else ""


def _hand_in_context(
    index: int, lines: Sequence[LineScript], weights: Sequence[float], voters: Sequence[int]
) -> str:
    """Hand or print of one line given all others: Bayes' rule, with the smoothed share of the others as the prior."""
    usual = sum(weights[i] for i in voters) / len(voters) or 1.0
    others = [i for i in voters if i != index]
    said = sum(weights[i] * lines[i].written for i in others)
    prior = (usual + said) / (2 * usual + sum(weights[i] for i in others))
    own = min(max(lines[index].written, HAND_FLOOR), 1 - HAND_FLOOR)
    return hand_of(own * prior / (own * prior + (1 - own) * (1 - prior)))


def told_page(script: Script, lines: Sequence[LineScript]) -> PageScript:
    """A page whose script somebody has told: all its lines are of it, whatever they look like."""
    return PageScript(script, 1.0, tuple(replace(line, script=script, confidence=1.0) for line in lines))


def _with_most(judged: dict[int, LineScript], weights: Sequence[float]) -> dict[int, LineScript]:
    """The judged lines, those that differ from most of the page by weight without being sure brought into line."""
    ink: dict[Script, float] = {}
    for i, line in judged.items():
        ink[line.script] = ink.get(line.script, 0.0) + weights[i]
    most = max(ink, key=lambda script: ink[script])
    if ink[most] < MOST * sum(ink.values()):
        return judged
    return {
        i: line
        if line.script is most or line.confidence >= MINORITY
        else replace(line, script=most, confidence=1 - line.confidence)
        for i, line in judged.items()
    }


def _in_context(
    index: int, lines: Sequence[LineScript], weights: Sequence[float], voters: Sequence[int]
) -> LineScript:
    """One line with letters, given all others: Bayes' rule, the others' smoothed shares being the prior."""
    usual = sum(weights[i] for i in voters) / len(voters) or 1.0
    seen = [usual * lines_of for lines_of in PSEUDO_LINES]
    for other in voters:
        if other != index:
            seen = [s + weights[other] * p for s, p in zip(seen, _readable(lines[other]), strict=True)]
    posterior = [s * p for s, p in zip(seen, _readable(lines[index]), strict=True)]
    best = max(range(len(READABLE)), key=posterior.__getitem__)
    return replace(lines[index], script=READABLE[best], confidence=posterior[best] / sum(posterior))


def _readable(line: LineScript) -> list[float]:
    """Probabilities of `READABLE`, sum 1. So far as the line may hold no letters at all, it says nothing of them."""
    known = sum(PSEUDO_LINES)
    silent = [line.none * pseudo / known for pseudo in PSEUDO_LINES]
    raw = [max(p + s, FLOOR) for p, s in zip((line.latin, line.arabic, line.other), silent, strict=True)]
    return [p / sum(raw) for p in raw]


def _like_neighbours(index: int, line: LineScript, judged: dict[int, LineScript]) -> LineScript:
    """A line without letters takes the script of the nearest one with letters; of two as near, that above."""
    nearest = min(judged, key=lambda i: (abs(i - index), i > index))
    like = judged[nearest]
    return replace(line, script=like.script, confidence=like.confidence)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return (
        sum(v * w for v, w in zip(values, weights, strict=True)) / total
        if total
        else sum(values) / len(values)
    )
