"""Error rates of a library and of its parts, estimated from the lines of a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.audit.metrics.intervals import Rate, interval
from ocr_core.audit.metrics.rates import LineScore
from ocr_core.audit.results.readings import Reading
from ocr_core.audit.sampling.weights import SampleWeights
from ocr_core.audit.transcription.samples import SampleLine


@dataclass(frozen=True, slots=True)
class AuditedLine:
    """A drawn line that was transcribed. `score` compares the texts as they are."""

    sample: SampleLine
    reading: Reading
    score: LineScore
    transcriber: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The error rates of a part of the library, from the lines of the sample that are in it.

    Attributes:
        name: of a stratum, an engine, a collection, …
        share: of the read lines of the library that this part is estimated to hold, 0..1.
    """

    name: str
    pages: int
    lines: int
    characters: int
    share: float
    cer: Rate
    wer: Rate


def estimate(
    name: str, lines: Sequence[AuditedLine], weights: SampleWeights, where: Sequence[bool] | None = None
) -> Estimate:
    """The error rates of the lines in question, weighted."""
    inside = np.ones(len(lines), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    own = [line.score for line, chosen in zip(lines, inside, strict=True) if chosen]
    cer, wer = weighted_rates([line.score for line in lines], weights, inside)
    return Estimate(
        name=name,
        pages=len({score.page for score in own}),
        lines=len(own),
        characters=sum(score.characters for score in own),
        share=float(weights.lines[inside].sum() / weights.lines.sum()),
        cer=cer,
        wer=wer,
    )


def weighted_rates(
    scores: Sequence[LineScore], weights: SampleWeights, inside: NDArray[np.bool_] | None = None
) -> tuple[Rate, Rate]:
    """Weighted character and word error rate of all lines, or of those `inside`."""
    cer = weights.clusters([s.edits for s in scores], [s.characters for s in scores], inside)
    wer = weights.clusters([s.word_edits for s in scores], [s.words for s in scores], inside)
    return interval(cer), interval(wer)


def estimates_by(
    lines: Sequence[AuditedLine], weights: SampleWeights, value: Callable[[AuditedLine], str]
) -> tuple[Estimate, ...]:
    """The estimates of the parts that differ in a value, by its names."""
    values = [value(line) for line in lines]
    return tuple(estimate(name, lines, weights, [v == name for v in values]) for name in sorted(set(values)))


def sample_weights(lines: Sequence[AuditedLine]) -> SampleWeights:
    """What the lines stand for, given that only these of their samples are measured."""
    drawn = [line.sample for line in lines]
    return SampleWeights(
        [line.page_id for line in drawn],
        [line.stratum for line in drawn],
        [line.stratum_pages for line in drawn],
        [line.page_lines for line in drawn],
    )
