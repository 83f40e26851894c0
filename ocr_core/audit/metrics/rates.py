"""Error rates of readings against transcripts, with what is needed to judge them.

Rates are edits over the length of the transcripts, summed before dividing, so a rate may pass 1. Case, punctuation and
accents count. Intervals are over pages, because the lines of a page resemble one another; see `intervals`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from ocr_core.audit.metrics.intervals import Clusters, Rate, interval
from ocr_core.audit.metrics.text import FOLDINGS

BINS = 10


@dataclass(frozen=True, slots=True)
class LineScore:
    """One line measured. Texts are as `text.comparable` leaves them; `confidence` is 0..1."""

    page: str
    line: str
    truth: str
    reading: str
    confidence: float
    edits: int
    word_edits: int

    @property
    def characters(self) -> int:
        return len(self.truth)

    @property
    def words(self) -> int:
        return len(self.truth.split())

    @property
    def error_rate(self) -> float:
        return self.edits / max(self.characters, 1)

    @property
    def accuracy(self) -> float:
        """Share of characters read right, 0..1: 1 minus the edits over the longer of the two texts."""
        return 1 - self.edits / max(len(self.truth), len(self.reading), 1)


@dataclass(frozen=True, slots=True)
class FoldedRates:
    """Error rates of texts with less told apart; `normalisation` and `name` are those of `text.FOLDINGS`."""

    normalisation: str
    name: str
    cer: Rate
    wer: Rate


@dataclass(frozen=True, slots=True)
class PageRates:
    """The sums of a page."""

    page: str
    lines: int
    characters: int
    edits: int
    words: int
    word_edits: int

    @property
    def cer(self) -> float:
        return self.edits / max(self.characters, 1)

    @property
    def wer(self) -> float:
        return self.word_edits / max(self.words, 1)


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often a character was read as another. An empty `truth` is an insertion, an empty `reading` a deletion."""

    truth: str
    reading: str
    count: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Lines whose confidence is in low..high: their mean confidence and share of characters right, by length."""

    low: float
    high: float
    lines: int
    characters: int
    confidence: float
    right: float


def score_line(page: str, line: str, truth: str, reading: str, confidence: float) -> LineScore:
    """Compare two texts that are normalised already."""
    edits = Levenshtein.distance(truth, reading)
    word_edits = Levenshtein.distance(truth.split(), reading.split())
    return LineScore(page, line, truth, reading, confidence, edits, word_edits)


def folded_score(score: LineScore, fold: Callable[[str], str]) -> LineScore:
    """The score of the same line when both texts are folded."""
    return score_line(score.page, score.line, fold(score.truth), fold(score.reading), score.confidence)


def page_rates(scores: Sequence[LineScore]) -> tuple[PageRates, ...]:
    """Sums by page, in the order in which pages first occur."""
    pages: dict[str, list[LineScore]] = {}
    for score in scores:
        pages.setdefault(score.page, []).append(score)
    return tuple(
        PageRates(
            page,
            len(lines),
            sum(s.characters for s in lines),
            sum(s.edits for s in lines),
            sum(s.words for s in lines),
            sum(s.word_edits for s in lines),
        )
        for page, lines in pages.items()
    )


def rate_with_interval(edits: Sequence[int], lengths: Sequence[int], seed: int = 0) -> Rate:
    """Edits over length, and the interval it would have over other draws of as many pages.

    Args:
        edits: of each page.
        lengths: of each page's transcripts, in the same unit.
        seed: of the draws: the same pages always give the same interval.
    """
    return interval(Clusters.of(edits, lengths), seed)


def error_rates(pages: Sequence[PageRates]) -> tuple[Rate, Rate]:
    """Character and word error rate of pages."""
    return (
        rate_with_interval([p.edits for p in pages], [p.characters for p in pages]),
        rate_with_interval([p.word_edits for p in pages], [p.words for p in pages]),
    )


def folded_rates(
    scores: Sequence[LineScore], rates: Callable[[Sequence[LineScore]], tuple[Rate, Rate]]
) -> tuple[FoldedRates, ...]:
    """The rates that the same lines have when both texts are folded, for each of `text.FOLDINGS`.

    Args:
        rates: character and word error rate of lines.
    """
    return tuple(
        FoldedRates(key, folding.name, *rates([folded_score(score, folding.fold) for score in scores]))
        for key, folding in FOLDINGS.items()
    )


def confusions(scores: Sequence[LineScore]) -> tuple[Confusion, ...]:
    """Every substitution, insertion and deletion of one shortest alignment of each line, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for score in scores:
        for edit in Levenshtein.editops(score.truth, score.reading):
            was = "" if edit.tag == "insert" else score.truth[edit.src_pos]
            became = "" if edit.tag == "delete" else score.reading[edit.dest_pos]
            counts[was, became] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(was, became, count) for (was, became), count in ordered)


def badness(score: LineScore) -> float:
    """What worst lines are sorted by: many errors, and a large share of the line."""
    return score.edits * score.error_rate


def reliability(scores: Sequence[LineScore], line_weights: Sequence[float] | None = None) -> tuple[Bin, ...]:
    """Lines by equal steps of confidence, each line weighted with its length; steps without lines are left out.

    Args:
        line_weights: how many lines each stands for; one by default.
    """
    confidence = np.array([s.confidence for s in scores], dtype=np.float64)
    right = np.array([s.accuracy for s in scores], dtype=np.float64)
    weights = np.array([max(s.characters, 1) for s in scores], dtype=np.float64)
    weights *= 1.0 if line_weights is None else np.asarray(line_weights, dtype=np.float64)
    which: NDArray[np.int64] = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    bins = []
    for number in range(BINS):
        here = which == number
        if here.any():
            bins.append(
                Bin(
                    number / BINS,
                    (number + 1) / BINS,
                    int(here.sum()),
                    int(weights[here].sum()),
                    float(np.average(confidence[here], weights=weights[here])),
                    float(np.average(right[here], weights=weights[here])),
                )
            )
    return tuple(bins)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Guo et al. 2017): mean distance of confidence and share right; NaN without lines."""
    total = sum(b.characters for b in bins)
    return sum(b.characters * abs(b.confidence - b.right) for b in bins) / total if total else math.nan
