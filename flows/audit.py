"""Audits as flows, for schedules: `audit_report` after people have transcribed, `audit_drift` every month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from ocr_core.audit.drift import ALPHA, MINIMUM
from ocr_core.audit.measure import DRAWN
from tasks.audit import compare, measure


@flow(name="audit-report", persist_result=False, validate_parameters=True)
def audit_report(library: Path, audit_id: str = "", label: str = DRAWN) -> dict[str, Any]:
    """Measure a transcribed sample, keep it in the library, and show it as an artifact.

    Args:
        label: `drawn` for the readings of the sample; any other word measures those of today, and is their name.
    """
    return measure(library, audit_id, label)


@flow(name="audit-drift", persist_result=False, validate_parameters=True)
def audit_drift(
    library: Path,
    by: str = "run",
    before: str = "",
    after: str = "",
    measure: str = "cer",
    alpha: float = ALPHA,
    minimum: float = MINIMUM,
    fail_above: float | None = None,
) -> dict[str, Any]:
    """Compare audits and show the comparison as an artifact; the run fails where reading became too much worse.

    Args:
        by: run, engine, month or audit; `before` and `after` are two of them, by default the newest two.
        fail_above: the rise of an error rate that is allowed, 0..1; None allows any.
    """
    settings = {
        "by": by,
        "before": before,
        "after": after,
        "measure": measure,
        "alpha": alpha,
        "minimum": minimum,
    }
    return compare(library, fail_above, **settings)
