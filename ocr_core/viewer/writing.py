"""What people write: corrections of lines, with the reading in sight, and transcriptions of audit samples, without.

Everything here is refused unless the viewer was started with `--edit`. It lands in `ground_truth` (see
`audit.transcription`); the engines' readings stay as they are.
"""

from __future__ import annotations

import getpass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ocr_core.audit.transcription.samples import SampleLine, open_lines, samples
from ocr_core.audit.transcription.transcriptions import AUDIT, CORRECTION, Transcription, add_transcriptions
from ocr_core.records import Box
from ocr_core.viewer.shared import AuditId, Here, LineId, Shared, asks_for_part, page_row, render, shared
from ocr_core.viewer.turning import svg_transform, turned_box

MOST_CHARS = 4000

Name = Annotated[str, Query(max_length=80)]


def allowed(request: Request) -> None:
    """Raises:
    HTTPException: 403, the viewer only shows the library; 415, the body is not JSON as its scripts send it.
    """
    if not shared(request).edit:
        raise HTTPException(403, "The library is only read: start the viewer with --edit to write.")
    if request.method == "POST" and request.headers.get("content-type") != "application/json":
        raise HTTPException(415, "Send JSON.")


router = APIRouter(dependencies=[Depends(allowed)])


class Written(BaseModel):
    """What a person wrote of a line; `text` is empty unless `status` is `text`."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=MOST_CHARS)
    transcriber: str = Field(min_length=1, max_length=80)
    status: Literal["text", "empty", "illegible"] = "text"

    def of(self, line: str, audit: str = "") -> Transcription:
        return Transcription(line, self.text, self.transcriber, self.status, audit_id=audit)


@router.post("/lines/{line}")
def correct(here: Here, line: LineId, written: Written) -> Response:
    add_transcriptions(here.library, [written.of(line)], origin=CORRECTION, run_id=here.session)
    return Response(status_code=204)


@router.post("/audit/{audit}/lines/{line}")
def transcribe(here: Here, audit: AuditId, line: LineId, written: Written) -> Response:
    add_transcriptions(here.library, [written.of(line, audit)], origin=AUDIT, run_id=here.session)
    return Response(status_code=204)


@router.get("/audit/{audit}/transcribe")
def desk(request: Request, here: Here, audit: AuditId, transcriber: Name = "", after: int = 0) -> Response:
    """The next line of a sample for a person: the first open one behind line `after`, else the first of all."""
    if not transcriber.strip():
        return render(request, "name.html", audit=audit, suggested=user_name())
    name = transcriber.strip()
    waiting = open_lines(here.library, audit, transcriber=name)
    line = next((one for one in waiting if one.number > after), waiting[0] if waiting else None)
    summary = next(one for one in samples(here.library) if one.audit_id == audit)
    return render(
        request,
        "desk.html" if asks_for_part(request) else "transcribe.html",
        audit=audit,
        transcriber=name,
        sample=summary,
        left=len(waiting),
        line=None if line is None else _on_desk(here, line),
    )


def user_name() -> str:
    """Who runs the viewer, as a first guess of who writes."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _on_desk(here: Shared, line: SampleLine) -> dict[str, Any]:
    """What a transcriber sees of a line: its place on the page, and nothing of its reading.

    Returns:
        `view`: x, y, width and height of the part of the upright page that is shown, in its pixels; `turn` makes it upright.
    """
    page = page_row(here, line.page_id)
    size = page["width"], page["height"], page["rotation"]
    sheet, box = turned_box(Box(0, 0, *size[:2]), *size), turned_box(line.box, *size)
    around = max(box.height, 40)
    x0, x1 = max(0, box.x0 - around), min(sheet.x1, box.x1 + around)
    y0, y1 = max(0, box.y0 - around), min(sheet.y1, box.y1 + around)
    return {
        "number": line.number,
        "line_id": line.line_id,
        "page_id": line.page_id,
        "direction": line.direction,
        "source_path": line.source_path,
        "page_number": line.page_number,
        "outline": " ".join(f"{x},{y}" for x, y in line.polygon),
        "width": page["width"],
        "height": page["height"],
        "turn": svg_transform(*size),
        "view": (x0, y0, x1 - x0, y1 - y0),
    }
