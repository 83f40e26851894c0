"""Try it: a picture is read and shown, and nothing is kept."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from ocr_core.viewer.attempt_reader import AUTO
from ocr_core.viewer.shared import Here, render

router = APIRouter()


@router.get("/try")
def form(request: Request, here: Here) -> HTMLResponse:
    return render(request, "try.html", engines=here.reader.engines())


@router.post("/try")
async def read(
    request: Request,
    here: Here,
    engine: Annotated[str, Query(max_length=100)] = AUTO,
    shape: Literal["page", "line", "character"] = "page",
) -> HTMLResponse:
    """The body is the picture: an image file, or a PDF of which the first page counts."""
    data = await request.body()
    if shape == "page":
        attempt = await run_in_threadpool(here.reader.read_page, data, engine)
        picture = _as_address(attempt.image)
        return render(request, "try_page.html", page=attempt.page, lines=attempt.lines, picture=picture)
    line = await run_in_threadpool(here.reader.read_line, data, engine, character=shape == "character")
    return render(request, "try_line.html", read=line, picture=_as_address(line.image))


def _as_address(image: bytes) -> str:
    """A JPEG file as an address that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(image).decode("ascii")
