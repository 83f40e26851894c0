"""The audit of a schedule: is the library still read as well as when people transcribed a sample of it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from prefect import flow

from ocr_core.audit.results.compare import ALPHA, MINIMUM
from ocr_core.audit.results.measure import DRAWN
from tasks.audit import TODAY, compare, find_sample, measure_as


@flow(name="audit", persist_result=False, validate_parameters=True)
def audit(
    library: Path,
    measure: Literal["cer", "wer"] = "cer",
    alpha: float = ALPHA,
    minimum: float = MINIMUM,
    fail_above: float | None = None,
) -> dict[str, Any]:
    """Measure the newest transcribed sample as it was drawn and as it is read today, and compare the two.

    Both reports are kept in the library; they and the comparison become artifacts of the run, which fails where reading
    became too much worse. Where nothing is transcribed yet, there is nothing to do.

    Args:
        alpha, minimum: as in `ocr_core.audit.results.drift.drift`.
        fail_above: the rise of an error rate that is allowed, 0..1; None allows any.
    """
    sample = find_sample(library)
    if not sample:
        return {}
    for label in (DRAWN, TODAY):
        measure_as(library, sample, label)
    return compare(library, sample, fail_above, measure=measure, alpha=alpha, minimum=minimum)
