"""The audits: samples, how far the work on them has come, and what they have found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from ocr_core.audit.results.estimates import Estimate
from ocr_core.audit.results.measure import SampleReport, measure_sample
from ocr_core.audit.transcription.samples import samples
from ocr_core.errors import NothingToDo
from ocr_core.viewer.shared import AuditId, Here, Shared, render

router = APIRouter()

WORST: Final = 20
CONFUSIONS: Final = 24
_NAMES: Final = {"confidence": "Confidence (as the engine gave it)"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the library with its character error rate drawn: places are per cent of the width of a drawing."""

    estimate: Estimate
    value: float
    low: float
    high: float


@router.get("/audit")
def dashboard(request: Request, here: Here) -> HTMLResponse:
    return render(request, "audits.html", samples=samples(here.library))


@router.get("/audit/{audit}")
def report(request: Request, here: Here, audit: AuditId) -> HTMLResponse:
    """What a sample says about the library, as far as it is transcribed. Nothing is written."""
    sample = next((one for one in samples(here.library) if one.audit_id == audit), None)
    if sample is None:
        raise HTTPException(404)
    found = _measured(here, audit) if sample.done else None
    return render(
        request,
        "audit.html",
        sample=sample,
        report=found,
        tables=_tables(found) if found else {},
        confusions=found.confusions[:CONFUSIONS] if found else (),
    )


def _measured(here: Shared, audit: str) -> SampleReport | None:
    """The report of an audit, made once for every version of the library; None where nothing can be measured yet."""

    def make() -> SampleReport | None:
        try:
            return measure_sample(here.library, audit, worst=WORST)
        except NothingToDo:
            return None

    return here.reports.get((here.library.version, audit), make)


def _tables(found: SampleReport) -> dict[str, list[Part]]:
    """The parts of the library by what they differ in; a variable with one value tells nothing."""
    wanted = {"Strata": found.strata} | {
        _NAMES.get(name, name.capitalize()): parts for name, parts in found.parts.items()
    }
    return {name: _drawn(parts) for name, parts in wanted.items() if len(parts) > 1}


def _drawn(parts: Sequence[Estimate]) -> list[Part]:
    """The parts, to a common scale that ends at the greatest bound, or at 100 %."""
    rates = [part.cer for part in parts]
    spans = [
        (
            rate.value,
            *((rate.low, rate.high) if rate.low is not None and rate.high is not None else (rate.value,) * 2),
        )
        for rate in rates
    ]
    most = min(1.0, max(0.01, *(value for span in spans for value in span)))
    scaled = [[100 * min(value, most) / most for value in span] for span in spans]
    return [Part(part, *span) for part, span in zip(parts, scaled, strict=True)]
