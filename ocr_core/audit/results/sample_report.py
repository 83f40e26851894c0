"""What an audit found, as people and programs want it: text, Markdown, JSON, and a page of HTML that needs nothing but
itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ocr_core.audit.figures import bounded, percent, visible
from ocr_core.audit.html import PLOT, differences, picture_uri, plot_points, templates
from ocr_core.audit.results.charts import forest
from ocr_core.audit.results.estimates import AuditedLine, Estimate
from ocr_core.audit.results.measure import SampleReport
from ocr_core.harmless import printable
from ocr_core.library import Library
from ocr_core.pipeline.line_pictures import cut_lines

_MANY_CONFUSIONS = 60
_FEW_CONFUSIONS = 15
_FEW_LINES = 10


def as_json(report: SampleReport, *, lines: bool = False) -> dict[str, Any]:
    """A report as plain values; with `lines`, also every line's texts and edits."""
    values: dict[str, Any] = {
        "audit_id": report.audit_id,
        "label": report.label,
        "made_at": report.made_at.isoformat(),
        "covered": report.covered,
        "overall": asdict(report.overall),
        "folded": [asdict(rates) for rates in report.folded],
        "strata": [asdict(e) for e in report.strata],
        "parts": {name: [asdict(e) for e in part] for name, part in report.parts.items()},
        "calibration_error": report.calibration_error,
        "reliability": [asdict(b) for b in report.reliability],
        "confusions": [asdict(c) for c in report.confusions],
        "worst": [asdict(line.score) for line in report.worst],
        "illegible": [asdict(o) for o in report.illegible],
        "waiting": report.waiting,
        "people": asdict(report.people) if report.people else None,
    }
    if lines:
        values["by_line"] = [asdict(line.score) | {"transcriber": line.transcriber} for line in report.lines]
    return values


def as_text(report: SampleReport) -> str:
    """Tab-separated rates: the library, its strata and parts, with less told apart, and of the people."""
    rows = ["of\tname\tpages\tlines\tCER\tWER"]
    rows += [
        f"{kind}\t{printable(e.name)}\t{e.pages}\t{e.lines}\t{bounded(e.cer)}\t{bounded(e.wer)}"
        for kind, e in _estimates(report)
    ]
    rows += [f"overall\t{f.name}\t\t\t{bounded(f.cer)}\t{bounded(f.wer)}" for f in report.folded]
    if report.people:
        p = report.people
        names = printable(", ".join(p.names))
        rows.append(f"people\t{names} disagree\t\t{p.lines}\t{bounded(p.cer)}\t{bounded(p.wer)}")
    return "\n".join(rows) + "\n"


def as_markdown(report: SampleReport) -> str:
    """A report in Markdown, for artifacts, wikis and mails; hostile texts stay texts."""
    parts = [
        f"# Audit {_plain(report.audit_id)}",
        f"**Character error rate {bounded(report.overall.cer)}**, word error rate {bounded(report.overall.wer)}; in "
        "brackets 95 % intervals over pages.",
        " ".join(facts(report)),
        table(
            ("of", "", "pages", "lines", "CER", "WER"),
            [
                (kind, e.name, str(e.pages), str(e.lines), bounded(e.cer), bounded(e.wer))
                for kind, e in _estimates(report)
            ],
        ),
        table(
            ("with less told apart", "CER", "WER"),
            [(f.name, bounded(f.cer), bounded(f.wer)) for f in report.folded],
        ),
        f"## Confidence\n\nExpected calibration error {percent(report.calibration_error)}.",
        table(
            ("confidence", "lines", "mean", "characters right"),
            [
                (f"{b.low:.1f}–{b.high:.1f}", str(b.lines), percent(b.confidence), percent(b.right))
                for b in report.reliability
            ],
        ),
        "## Confusions",
        table(
            ("written", "read", "times"),
            [
                (visible(c.truth), visible(c.reading), str(c.count))
                for c in report.confusions[:_FEW_CONFUSIONS]
            ],
        ),
        "## Worst lines",
        table(
            ("place", "written", "read"),
            [(_place(line), line.score.truth, line.score.reading) for line in report.worst[:_FEW_LINES]],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def as_html(report: SampleReport, library: Library | None = None) -> str:
    """A self-contained page: style, plots and line pictures inside, no script, no network. All texts are escaped.

    Args:
        library: where the pictures of the worst lines are; without it, or where a scan is gone, lines have none.
    """
    pictures = _pictures(report.worst, library)
    groups = [("strata", report.strata), *report.parts.items()]
    return (
        templates()
        .get_template("audit.html.j2")
        .render(
            report=report,
            facts=facts(report),
            characters=report.overall.characters,
            charts=[
                (name, part, forest(f"Character error rate by {name}", [(e.name, e.cer) for e in part]))
                for name, part in groups
                if len(part) > 1 or name == "strata"
            ],
            confusions=report.confusions[:_MANY_CONFUSIONS],
            worst=[
                (line, _place(line), picture, list(differences(line.score)))
                for line, picture in zip(report.worst, pictures, strict=True)
            ],
            plot=plot_points(report.reliability),
            side=PLOT,
        )
    )


def facts(report: SampleReport) -> list[str]:
    """What must be known beside the rates, in sentences."""
    drawn = len(report.lines) + len(report.illegible) + report.waiting
    told = [f"{len(report.lines)} of {drawn} drawn lines are measured, on {report.overall.pages} pages."]
    if report.waiting:
        told.append(f"{report.waiting} wait for a transcriber; those measured are taken to be like them.")
    if report.illegible:
        told.append(
            f"Nobody could read {len(report.illegible)}: left out of the rates, though errors are likely there."
        )
    if report.covered < 1 - 1e-9:
        told.append(
            f"The rates are about {percent(report.covered)} of the lines: some strata have none measured yet."
        )
    if report.people:
        p = report.people
        half = percent(p.cer.value / 2)
        told.append(
            f"{p.lines} lines were transcribed twice, {p.differing} of them differently: {bounded(p.cer)} of the "
            f"characters; if both err alike, each of {', '.join(p.names)} errs in about {half}, a part of every rate here."
        )
    told.append("Lines that the layout has not found are not in these rates.")
    return told


def _estimates(report: SampleReport) -> Iterator[tuple[str, Estimate]]:
    yield "overall", report.overall
    yield from (("stratum", e) for e in report.strata)
    for name, part in report.parts.items():
        yield from ((name, e) for e in part)


def _pictures(lines: Sequence[AuditedLine], library: Library | None) -> list[str | None]:
    if library is None:
        return [None] * len(lines)
    cut = cut_lines(library, [(line.sample.page_id, line.sample.box) for line in lines])
    return [None if isinstance(p, str) else picture_uri(np.asarray(p.convert("L"))) for p in cut]


def _place(line: AuditedLine) -> str:
    drawn = line.sample
    return (
        f"{drawn.collection} · {drawn.source_path} · page {drawn.page_number} · line {drawn.line_order + 1}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; cells are texts and mean nothing to Markdown."""
    if not rows:
        return "None."
    cells = [[_plain(cell) for cell in row] for row in (head, *rows)]
    lines = [cells[0], ["-"] * len(head), *cells[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else: every sign that means something within a line becomes an entity."""
    return "".join(f"&#{ord(c)};" if c in "\\`*_[]<>|~&" else c for c in printable(text))
