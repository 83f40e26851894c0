"""Comparisons of audits as text, Markdown and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ocr_core.audit.figures import bounded
from ocr_core.audit.metrics.intervals import Rate
from ocr_core.audit.results.compare import Comparison
from ocr_core.audit.results.drift import DriftReport
from ocr_core.audit.results.sample_report import table
from ocr_core.errors import DriftError
from ocr_core.harmless import printable


def as_json(report: DriftReport) -> dict[str, Any]:
    """A comparison as plain values."""
    return asdict(report)


def as_text(report: DriftReport) -> str:
    """Tab-separated, a row for each collection."""
    rows = [_head(report), *[_row(comparison) for comparison in report.comparisons]]
    return "\n".join("\t".join(map(printable, row)) for row in rows)


def as_markdown(report: DriftReport) -> str:
    """A table for artifacts, wikis and mails."""
    title = f"# {report.measure.upper()} by {report.by}: before and after"
    note = (
        f"Differences with 95 % intervals over pages, in points. p is corrected for {len(report.comparisons)} comparisons "
        f"(Holm); a change has p below {report.alpha:g} and at least {100 * report.minimum:g} points."
    )
    return f"{title}\n\n{note}\n\n{table(_head(report), [_row(c) for c in report.comparisons])}\n"


def fail_if_worse(report: DriftReport, above: float) -> None:
    """Say why it is too bad, where it is.

    Raises:
        DriftError: a collection became worse by more than `above`, 0..1.
    """
    alarms = report.alarms(above)
    if not alarms:
        return
    told = [
        f"{printable(c.collection)}: {report.measure.upper()} rose by {_points(c.difference)} points, from "
        f"{bounded(c.before)} ({report.by} {printable(report.before)}) to {bounded(c.after)} ({printable(report.after)}); "
        f"p = {c.adjusted:.2g}, allowed are {100 * above:g} points."
        for c in alarms
    ]
    raise DriftError(
        "\n  ".join(["Reading has become worse.", *told]),
        remedy="See the worst lines: warraq audit report --html FILE; and what was set: warraq sql 'FROM runs'.",
    )


def _head(report: DriftReport) -> list[str]:
    return ["collection", "lines", report.before, report.after, "difference", "p", "verdict"]


def _row(c: Comparison) -> list[str]:
    lines = f"{c.lines[0]} and {c.lines[1]}"
    return [
        c.collection, lines, bounded(c.before), bounded(c.after), _points(c.difference), f"{c.adjusted:.2g}", c.verdict
    ]  # fmt: skip


def _points(rate: Rate) -> str:
    if rate.low is None or rate.high is None:
        return f"{100 * rate.value:+.2f}"
    return f"{100 * rate.value:+.2f} ({100 * rate.low:+.2f} to {100 * rate.high:+.2f})"
