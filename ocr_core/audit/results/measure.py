"""What an audit has found: error rates of a library from the lines of a sample that people have transcribed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ocr_core.audit.metrics.intervals import Rate, interval
from ocr_core.audit.metrics.rates import (
    Bin,
    Confusion,
    FoldedRates,
    LineScore,
    badness,
    calibration_error,
    confusions,
    error_rates,
    folded_rates,
    folded_score,
    page_rates,
    reliability,
    score_line,
)
from ocr_core.audit.metrics.text import FOLDINGS, RAW, comparable
from ocr_core.audit.omission import Omission
from ocr_core.audit.results.readings import Reading, as_drawn, today
from ocr_core.audit.sampling.draw import band_of
from ocr_core.audit.sampling.weights import SampleWeights
from ocr_core.audit.transcription.transcriptions import (
    CORRECTION,
    ILLEGIBLE,
    SampleLine,
    newest_sample,
    sample_lines,
)
from ocr_core.errors import NothingToDo
from ocr_core.library import Library
from ocr_core.library.names import new_run_id

DRAWN: Final = "drawn"
"""The label of the readings that were there when the sample was drawn."""


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
    written = _written(library, audit)
    readings = {line.number: as_drawn(line) for line in drawn} if label == DRAWN else today(library, drawn)
    illegible, audited = [], []
    for line in drawn:
        usable = [(name, text) for name, text, status in written[line.number] if status != ILLEGIBLE]
        if usable:
            name, text = usable[0]
            reading = readings[line.number]
            score = score_line(line.page_id, line.line_id, text, comparable(reading.text), reading.confidence)
            audited.append(AuditedLine(line, reading, score, name))
        elif written[line.number]:
            illegible.append(Omission(line.page_id, line.line_id, "nobody could read it"))
    if not audited:
        raise NothingToDo(
            f"No line of audit {audit} is transcribed yet.",
            remedy="Transcribe some, then: warraq audit import FOLDER --library DIR",
        )
    return _report(audit, label, drawn, audited, illegible, _people(drawn, written), worst)


def save_report(library: Library, report: SampleReport) -> str:
    """Keep every measured line in `audits`, by each normalisation. Returns the id of the report.

    A later report of the same audit and label takes its place in the view.
    """
    weights = _weights(report.lines).lines
    rows = []
    for line, weight in zip(report.lines, weights, strict=True):
        scores = {key: folded_score(line.score, folding.fold) for key, folding in FOLDINGS.items()}
        for normalisation, score in {RAW: line.score, **scores}.items():
            rows.append(_row(report, line, score, normalisation, float(weight)))
    report_id = new_run_id()
    library.append(report_id, "audits", rows)
    return report_id


def estimate(
    name: str, lines: Sequence[AuditedLine], weights: SampleWeights, where: Sequence[bool] | None = None
) -> Estimate:
    """The error rates of the lines in question, weighted."""
    inside = np.ones(len(lines), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    own = [line.score for line, chosen in zip(lines, inside, strict=True) if chosen]
    cer, wer = _rates([line.score for line in lines], weights, inside)
    return Estimate(
        name=name,
        pages=len({score.page for score in own}),
        lines=len(own),
        characters=sum(score.characters for score in own),
        share=float(weights.lines[inside].sum() / weights.lines.sum()),
        cer=cer,
        wer=wer,
    )


def _rates(
    scores: Sequence[LineScore], weights: SampleWeights, inside: NDArray[np.bool_] | None = None
) -> tuple[Rate, Rate]:
    """Weighted character and word error rate of all lines, or of those `inside`."""
    cer = weights.clusters([s.edits for s in scores], [s.characters for s in scores], inside)
    wer = weights.clusters([s.word_edits for s in scores], [s.words for s in scores], inside)
    return interval(cer), interval(wer)


def _report(
    audit: str,
    label: str,
    drawn: Sequence[SampleLine],
    lines: Sequence[AuditedLine],
    illegible: Sequence[Omission],
    people: People | None,
    worst: int,
) -> SampleReport:
    weights = _weights(lines)
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
        strata=_by(lines, weights, lambda line: line.sample.stratum),
        parts={name: _by(lines, weights, value) for name, value in _VALUES.items()},
        folded=folded_rates(scores, lambda folded: _rates(folded, weights)),
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


def _by(
    lines: Sequence[AuditedLine], weights: SampleWeights, value: Callable[[AuditedLine], str]
) -> tuple[Estimate, ...]:
    values = [value(line) for line in lines]
    return tuple(estimate(name, lines, weights, [v == name for v in values]) for name in sorted(set(values)))


def _weights(lines: Sequence[AuditedLine]) -> SampleWeights:
    drawn = [line.sample for line in lines]
    return SampleWeights(
        [line.page_id for line in drawn],
        [line.stratum for line in drawn],
        [line.stratum_pages for line in drawn],
        [line.page_lines for line in drawn],
    )


def _written(library: Library, audit: str) -> dict[int, list[tuple[str, str, str]]]:
    """By number of the drawn line: who wrote what (`comparable`), and the status; who wrote most lines comes first."""
    query = f"""
        SELECT s.number, g.transcriber, g.text, g.status
        FROM samples s JOIN ground_truth g USING (line_id, x0, y0, x1, y1)
        WHERE s.audit_id = $audit AND g.origin <> '{CORRECTION}' ORDER BY s.number, g.transcriber
    """
    rows = library.reading(lambda con: con.execute(query, {"audit": audit}).fetchall(), results=False)
    busy = Counter(name for _, name, _, _ in rows)
    written: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    for number, name, text, status in sorted(rows, key=lambda row: (row[0], -busy[row[1]], row[1])):
        written[number].append((name, comparable(text), status))
    return written


def _people(
    drawn: Sequence[SampleLine], written: Mapping[int, Sequence[tuple[str, str, str]]]
) -> People | None:
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


def _row(
    report: SampleReport, line: AuditedLine, score: LineScore, normalisation: str, weight: float
) -> dict[str, Any]:
    drawn, reading = line.sample, line.reading
    return {
        "audit_id": report.audit_id,
        "label": report.label,
        "line_id": drawn.line_id,
        "page_id": drawn.page_id,
        "doc_id": drawn.doc_id,
        "collection": drawn.collection,
        "source_path": drawn.source_path,
        "page_number": drawn.page_number,
        "stratum": drawn.stratum,
        "stratum_pages": drawn.stratum_pages,
        "page_lines": drawn.page_lines,
        "weight": weight,
        "script": drawn.script,
        "hand": drawn.hand,
        "normalisation": normalisation,
        "truth": score.truth,
        "reading": score.reading,
        "chars": score.characters,
        "char_edits": score.edits,
        "words": score.words,
        "word_edits": score.word_edits,
        "audited_run_id": reading.run_id,
        "read_at": reading.read_at,
        "engine": reading.engine,
        "engine_version": reading.engine_version,
        "model_sha256": reading.model_sha256,
        "confidence": reading.confidence,
    }
