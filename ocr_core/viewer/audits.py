"""The audits: samples and how far the work on them has come."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from ocr_core.audit.transcriptions import samples
from ocr_core.viewer.shared import Here, render

router = APIRouter()


@router.get("/audit")
def dashboard(request: Request, here: Here) -> HTMLResponse:
    return render(request, "audit.html", samples=samples(here.library))
