"""Estimation of character n-gram models: interpolated Kneser-Ney with three discounts for each length.

After Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1999), section 3: the longest
n-grams are counted as they occur, shorter ones by how many different characters precede them, except at the beginning
of a line, which nothing precedes. Texts of several kinds are counted and discounted apart, and their counts mixed with
weights (Bacchiani, Riley, Roark and Sproat, "MAP adaptation of stochastic grammars", 2006, "count merging"): what
the weightier text says of a context counts for more the more often it has it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ocr_core.recognizers.decoding.ngram import EDGE, OTHER, Level, NgramModel, encoded


def estimate(
    lines: Iterable[str], order: int, least: Sequence[int], *, prose: Iterable[str] = (), weight: float = 1.0
) -> NgramModel:
    """A model of lines of text.

    Args:
        lines: without the characters EDGE and OTHER.
        order: length of the longest n-grams.
        least: for each length from 1 on, how often an n-gram must occur to be kept, in `lines` `weight` times over and in
            `prose` together.
        prose: lines of another kind; those with characters that `lines` do not have are left out.
        weight: of a line of `lines`, in lines of `prose`.
    """
    groups = [(weight, _occurrences(lines, order))]
    known = {*groups[0][1][0], EDGE}
    groups.append((1.0, _occurrences((line for line in prose if known.issuperset(line)), order)))
    alphabet = "".join(sorted({*known, OTHER}))
    place = {c: i for i, c in enumerate(alphabet)}
    levels: list[Level] = []
    kept_before = [""]
    for length in range(1, order + 1):
        shares, totals = _shares(groups, length)
        by_context: dict[str, list[str]] = defaultdict(list)
        for gram in shares:
            if sum(w * found[length - 1][gram] for w, found in groups) >= least[length - 1]:
                by_context[gram[:-1]].append(gram)
        kept: list[str] = []
        values: list[float] = []
        children: list[int] = []
        for context in kept_before:
            grams = sorted(by_context.get(context, ()), key=lambda gram: place[gram[-1]])
            children.append(len(grams))
            kept += grams
            values += [shares[gram] / totals[context] for gram in grams]
        if levels:
            levels[-1] = replace(levels[-1], children=np.array(children, np.uint8))
        characters = np.array([place[gram[-1]] for gram in kept], np.uint8)
        codes = encoded(np.array(values, dtype=np.float64))
        levels.append(Level(characters, codes, np.zeros(len(kept), np.uint8)))
        kept_before = kept
    return NgramModel(alphabet, tuple(levels))


def _shares(
    groups: Sequence[tuple[float, Sequence[Counter[str]]]], length: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Discounted counts of the n-grams of a length, and undiscounted ones of their contexts, all groups together."""
    shares: dict[str, float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    for weight, occurrences in groups:
        counts = _counts(occurrences, length)
        discounts = _discounts(counts.values())
        for gram, count in counts.items():
            totals[gram[:-1]] += weight * count
            shares[gram] += weight * (count - discounts[min(count, 3)])
    return shares, totals


def bits_per_character(model: NgramModel, lines: Sequence[str]) -> float:
    """Cross entropy of lines under a model in bits for each character, their ends counted as one."""
    nats = -sum(model.line_log_probability(line) for line in lines)
    return nats / math.log(2) / max(sum(len(line) + 1 for line in lines), 1)


def _occurrences(lines: Iterable[str], order: int) -> list[Counter[str]]:
    """How often each n-gram of each length occurs in lines between edges. The edge that begins a line is no event."""
    found: list[Counter[str]] = [Counter() for _ in range(order)]
    for line in lines:
        text = EDGE + line + EDGE
        for length in range(1, order + 1):
            first = 1 if length == 1 else 0
            found[length - 1].update(text[i : i + length] for i in range(first, len(text) - length + 1))
    return found


def _counts(occurrences: Sequence[Counter[str]], length: int) -> Mapping[str, int]:
    """The counts that Kneser-Ney estimates from: see the head of this module."""
    if length == len(occurrences):
        return occurrences[-1]
    counts: Counter[str] = Counter(gram[1:] for gram in occurrences[length])
    if length > 1:
        counts.update({g: n for g, n in occurrences[length - 1].items() if g.startswith(EDGE)})
    return counts


def _discounts(counts: Iterable[int]) -> tuple[float, float, float, float]:
    """What is taken from counts of 0, 1, 2 and more, after Chen and Goodman, equation 26."""
    of = Counter(min(count, 4) for count in counts)
    if not of[1] or not of[2]:
        return (0.0, 0.5, 0.75, 0.75)
    y = of[1] / (of[1] + 2 * of[2])
    one = 1 - 2 * y * of[2] / of[1]
    two = 2 - 3 * y * of[3] / of[2]
    more = 3 - 4 * y * of[4] / of[3] if of[3] else two
    return (0.0, min(max(one, 0.1), 0.95), min(max(two, 0.1), 1.9), min(max(more, 0.1), 2.9))
