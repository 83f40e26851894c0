"""The tasks of the audit flows. Reports and comparisons become artifacts of their run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from ocr_core.audit import drift_report, sample_report
from ocr_core.audit.drift import drift as find_drift
from ocr_core.audit.measure import DRAWN, measure_sample, save_report
from ocr_core.library import Library

_PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="measure", retries=2, retry_delay_seconds=2, **_PLAIN)
def measure(library: Path, audit_id: str = "", label: str = DRAWN) -> dict[str, Any]:
    """Measure a sample, keep it in `audits`, and show it; the report as plain data. Trying again changes nothing."""
    opened = Library.open(library)
    report = measure_sample(opened, audit_id, label=label)
    save_report(opened, report)
    show("audit-report", sample_report.as_markdown(report))
    return sample_report.as_json(report)


@task(name="compare", **_PLAIN)
def compare(library: Path, fail_above: float | None, **settings: Any) -> dict[str, Any]:
    """Compare audits and show the comparison, as plain data.

    Args:
        fail_above: see `flows.audit.audit_drift`.
        settings: of `ocr_core.audit.drift.drift`.

    Raises:
        DriftError: reading has become worse than `fail_above` allows.
    """
    report = find_drift(Library.open(library), **settings)
    show("audit-drift", drift_report.as_markdown(report))
    if fail_above is not None:
        drift_report.fail_if_worse(report, fail_above)
    return drift_report.as_json(report)


def show(key: str, markdown: str) -> bool:
    """Make an artifact of the flow's run; outside of a flow there is nobody to show it to."""
    if FlowRunContext.get() is None:
        return False
    create_markdown_artifact(markdown, key=key)
    return True
