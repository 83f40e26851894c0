"""What a report measured, kept in the library's `audits`."""

from __future__ import annotations

from typing import Any

from ocr_core.audit.metrics.rates import LineScore, folded_score
from ocr_core.audit.metrics.text import FOLDINGS, RAW
from ocr_core.audit.results.estimates import AuditedLine, sample_weights
from ocr_core.audit.results.measure import SampleReport
from ocr_core.library import Library
from ocr_core.library.names import new_run_id


def save_report(library: Library, report: SampleReport) -> str:
    """Keep every measured line in `audits`, by each normalisation. Returns the id of the report.

    A later report of the same audit and label takes its place in the view.
    """
    weights = sample_weights(report.lines).lines
    rows = []
    for line, weight in zip(report.lines, weights, strict=True):
        scores = {key: folded_score(line.score, folding.fold) for key, folding in FOLDINGS.items()}
        for normalisation, score in {RAW: line.score, **scores}.items():
            rows.append(_row(report, line, score, normalisation, float(weight)))
    report_id = new_run_id()
    library.append(report_id, "audits", rows)
    return report_id


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
