"""What an audit has found: error rates of a library from the lines of a sample that people have transcribed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ocr_core.audit.metrics.rates import (
    Bin,
    Confusion,
    FoldedRates,
    badness,
    calibration_error,
    confusions,
    folded_rates,
    reliability,
    score_line,
)
from ocr_core.audit.metrics.text import comparable
from ocr_core.audit.omission import Omission
from ocr_core.audit.results.agreement import People, agreement
from ocr_core.audit.results.estimates import (
    AuditedLine,
    Estimate,
    estimate,
    estimates_by,
    sample_weights,
    weighted_rates,
)
from ocr_core.audit.results.readings import as_drawn, today
from ocr_core.audit.sampling.draw import band_of
from ocr_core.audit.transcription.samples import SampleLine, newest_sample, sample_lines, written_lines
from ocr_core.audit.transcription.transcriptions import ILLEGIBLE
from ocr_core.errors import NothingToDo
from ocr_core.library import Library

DRAWN: Final = "drawn"
"""The label of the readings that were there when the sample was drawn."""


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What an audit found.

    Attributes:
        label: which readings were measured: `drawn`, or what the caller called those of today.
        covered: share of the library's lines that are in strata with a measured line, 0..1; the rates are about these.
        overall: the library; every line weighted with what it stands for.
        strata: as drawn; `parts`: by name of a variable (collection, engine, script, hand, confidence), lines by their own.
        folded: overall rates with less told apart (see `text`).
        worst: the worst lines, the worst first.
        illegible, waiting: drawn lines that people could not read, and that nobody has transcribed yet.
        people: None where no line was transcribed twice.
    """

    audit_id: str
    label: str
    made_at: datetime
    lines: tuple[AuditedLine, ...]
    covered: float
    overall: Estimate
    strata: tuple[Estimate, ...]
    parts: Mapping[str, tuple[Estimate, ...]]
    folded: tuple[FoldedRates, ...]
    confusions: tuple[Confusion, ...]
    reliability: tuple[Bin, ...]
    calibration_error: float
    worst: tuple[AuditedLine, ...]
    illegible: tuple[Omission, ...]
    waiting: int
    people: People | None


def measure_sample(
    library: Library, audit_id: str = "", *, label: str = DRAWN, worst: int = 30
) -> SampleReport:
    """Measure a sample as far as it is transcribed; nothing is written.

    Args:
        audit_id: the newest sample where none is named.
        label: `drawn` measures what was read when the sample was drawn; any other name measures what the library holds
            today where the drawn lines are, and is what this is called.
        worst: how many of the worst lines to name.

    Raises:
        UsageError: there is no such sample.
        NothingToDo: none of its lines is transcribed.
    """
    audit = newest_sample(library, audit_id)
    drawn = sample_lines(library, audit)
    written = written_lines(library, audit)
    readings = {line.number: as_drawn(line) for line in drawn} if label == DRAWN else today(library, drawn)
    illegible, audited = [], []
    for line in drawn:
        texts = written.get(line.number, ())
        usable = [(name, text) for name, text, status in texts if status != ILLEGIBLE]
        if usable:
            name, text = usable[0]
            reading = readings[line.number]
            score = score_line(line.page_id, line.line_id, text, comparable(reading.text), reading.confidence)
            audited.append(AuditedLine(line, reading, score, name))
        elif texts:
            illegible.append(Omission(line.page_id, line.line_id, "nobody could read it"))
    if not audited:
        raise NothingToDo(
            f"No line of audit {audit} is transcribed yet.",
            remedy="Transcribe some, then: warraq audit import FOLDER --library DIR",
        )
    return _report(audit, label, drawn, audited, illegible, agreement(drawn, written), worst)


def _report(
    audit: str,
    label: str,
    drawn: Sequence[SampleLine],
    lines: Sequence[AuditedLine],
    illegible: Sequence[Omission],
    people: People | None,
    worst: int,
) -> SampleReport:
    weights = sample_weights(lines)
    scores = [line.score for line in lines]
    bins = reliability(scores, weights.lines.tolist())
    bad = sorted((line for line in lines if line.score.edits), key=lambda line: -badness(line.score))
    in_library = {line.stratum: 0.0 for line in drawn}
    for line in drawn:
        in_library[line.stratum] += line.weight
    measured = {line.sample.stratum for line in lines}
    return SampleReport(
        audit_id=audit,
        label=label,
        made_at=datetime.now(UTC),
        lines=tuple(lines),
        covered=sum(in_library[name] for name in measured) / sum(in_library.values()),
        overall=estimate("overall", lines, weights),
        strata=estimates_by(lines, weights, lambda line: line.sample.stratum),
        parts={name: estimates_by(lines, weights, value) for name, value in _VALUES.items()},
        folded=folded_rates(scores, lambda folded: weighted_rates(folded, weights)),
        confusions=confusions(scores),
        reliability=bins,
        calibration_error=calibration_error(bins),
        worst=tuple(bad[:worst]),
        illegible=tuple(illegible),
        waiting=len(drawn) - len(lines) - len(illegible),
        people=people,
    )


_VALUES: Final[Mapping[str, Callable[[AuditedLine], str]]] = {
    "collection": lambda line: line.sample.collection,
    "engine": lambda line: line.reading.engine or "none",
    "script": lambda line: line.sample.script,
    "hand": lambda line: line.sample.hand or "not judged",
    "confidence": lambda line: band_of(line.reading.confidence),
}
