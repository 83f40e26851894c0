"""The tasks of the audit flow. Reports and comparisons become artifacts of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext

from ocr_core.audit.results import drift_report, sample_report
from ocr_core.audit.results.drift import drift as find_drift
from ocr_core.audit.results.measure import measure_sample
from ocr_core.audit.results.save import save_report
from ocr_core.audit.transcription.samples import samples
from ocr_core.library import Library

TODAY: Final = "today"
"""Label of the report of what a library holds today."""
_PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="find sample", **_PLAIN)
def find_sample(library: Path) -> str:
    """The newest sample of which something is transcribed; empty if there is none, which is shown."""
    sample = next((known.audit_id for known in samples(Library.open(library)) if known.done), "")
    if not sample:
        show("audit-drift", "Nothing to compare: no sample is transcribed yet (docs/audit.md).")
    return sample


@task(name="measure", retries=2, retry_delay_seconds=2, **_PLAIN)
def measure_as(library: Path, audit_id: str, label: str) -> dict[str, Any]:
    """Measure a sample, keep it in `audits`, and show it; the report as plain data. Trying again changes nothing."""
    opened = Library.open(library)
    report = measure_sample(opened, audit_id, label=label)
    save_report(opened, report)
    show("audit-report", sample_report.as_markdown(report))
    return sample_report.as_json(report)


@task(name="compare", **_PLAIN)
def compare(library: Path, audit_id: str, fail_above: float | None, **settings: Any) -> dict[str, Any]:
    """Compare what is read today with what was drawn and show it, as plain data.

    Args:
        fail_above: see `flows.audit.audit`.
        settings: of `ocr_core.audit.results.drift.drift`.

    Raises:
        DriftError: reading has become worse than `fail_above` allows.
    """
    report = find_drift(
        Library.open(library), by="audit", before=audit_id, after=f"{audit_id} {TODAY}", **settings
    )
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
