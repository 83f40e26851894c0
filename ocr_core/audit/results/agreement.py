"""How far people agree who have transcribed the same lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_core.audit.metrics.intervals import Rate
from ocr_core.audit.metrics.rates import error_rates, page_rates, score_line
from ocr_core.audit.transcription.samples import SampleLine, Written
from ocr_core.audit.transcription.transcriptions import ILLEGIBLE


@dataclass(frozen=True, slots=True)
class People:
    """How far people agree who have transcribed the same lines.

    If both make as many mistakes, and seldom the same one, each makes half as many as they differ in.
    """

    lines: int
    names: tuple[str, ...]
    differing: int
    cer: Rate
    wer: Rate


def agreement(drawn: Sequence[SampleLine], written: Mapping[int, Sequence[Written]]) -> People | None:
    """How far the first two people agree who could read a line; None where no line has two."""
    pairs = []
    names: Counter[str] = Counter()
    for line in drawn:
        usable = [(name, text) for name, text, status in written.get(line.number, ()) if status != ILLEGIBLE]
        if len(usable) > 1:
            (one, text), (other, again) = usable[:2]
            pairs.append(score_line(line.page_id, line.line_id, text, again, 1.0))
            names.update((one, other))
    if not pairs:
        return None
    cer, wer = error_rates(page_rates(pairs))
    return People(len(pairs), tuple(sorted(names)), sum(pair.edits > 0 for pair in pairs), cer, wer)
