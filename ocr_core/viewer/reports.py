"""Runs, and what failed with its remedies."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from ocr_core.viewer.shared import Here, RunId, render

router = APIRouter()

ROWS: Final = 50


@router.get("/runs")
def runs(
    request: Request,
    here: Here,
    before: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,80}$")] = None,
) -> HTMLResponse:
    found = here.catalogue.runs(ROWS + 1, before=before)
    return render(request, "runs.html", runs=found[:ROWS], more=len(found) > ROWS)


@router.get("/runs/{run}")
def run(request: Request, here: Here, run: RunId) -> HTMLResponse:
    found = here.catalogue.run(run)
    if found is None:
        raise HTTPException(404)
    return render(
        request,
        "run.html",
        run=found,
        settings=_settings(found["settings"]),
        failures=here.catalogue.failures(ROWS, run=run),
    )


@router.get("/failures")
def failures(
    request: Request,
    here: Here,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    after: Annotated[int, Query(ge=0, le=10**12)] = 0,
) -> HTMLResponse:
    found = here.catalogue.failures(ROWS + 1, after=after, kind=kind)
    return render(
        request,
        "failures.html",
        failures=found[:ROWS],
        more=len(found) > ROWS,
        kinds=here.catalogue.kinds_of_failure(),
        waiting=here.catalogue.waiting(),
        kind=kind,
    )


def _settings(text: str) -> dict[str, Any]:
    """Settings as name → text, nested ones by dots."""

    def flat(value: Any, name: str) -> dict[str, str]:
        if isinstance(value, dict):
            return {k: v for key, item in value.items() for k, v in flat(item, f"{name}.{key}").items()}
        return {name.lstrip("."): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}

    try:
        return flat(json.loads(text or "{}"), "")
    except ValueError:
        return {"settings": text}
