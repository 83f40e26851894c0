"""One page: its image, the lines on it, their text, and where all that comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from ocr_core.errors import LibraryError, PageError
from ocr_core.library.written import place_of
from ocr_core.records import Box, doc_id, page_id, page_number
from ocr_core.viewer.find import Words
from ocr_core.viewer.opened import Row
from ocr_core.viewer.pictures import Size
from ocr_core.viewer.reading import read_lines
from ocr_core.viewer.shared import Here, PageId, Shared, page_row, render
from ocr_core.viewer.writing import user_name

router = APIRouter()

_AGE = {"cache-control": "private, max-age=3600"}


@router.get("/pages/{page}")
def page(request: Request, here: Here, page: PageId, q: Words = "") -> HTMLResponse:
    row = here.catalogue.page(page)
    document = here.catalogue.document(doc_id(page))
    failures = here.catalogue.failures_of_pages(doc_id(page), page_number(page), 1)
    if row is None:
        if not failures and not _belongs(page, document):
            raise HTTPException(404)
        return render(
            request,
            "unread_page.html",
            failure=failures[0] if failures else None,
            document=document,
            number=page_number(page),
            **_neighbours(here, document, page),
        )
    written = {place_of(words): words for words in here.catalogue.written(row)}
    lines = read_lines(row, here.catalogue.lines(row), q, written)
    return render(
        request,
        "page.html",
        page=row,
        document=document,
        lines=lines,
        rtl=sum(line.line.direction == "rtl" for line in lines) > len(lines) / 2,
        failures=failures,
        q=q,
        writer=user_name() if here.edit else "",
        readers=list(dict.fromkeys(line.line.engine for line in lines if line.line.engine.name)),
        **_neighbours(here, document, page),
    )


@router.get("/pages/{page}/{size}.jpg")
def image(here: Here, page: PageId, size: Size) -> Response:
    return _jpeg(here, page, lambda row: here.pictures.image(row, size))


@router.get("/pages/{page}/lines/{x0},{y0},{x1},{y1}.jpg")
def crop(here: Here, page: PageId, x0: int, y0: int, x1: int, y1: int) -> Response:
    """The picture of a line, by its box in pixels of the original page."""
    if not (0 <= x0 < x1 <= 10**6 and 0 <= y0 < y1 <= 10**6):
        raise HTTPException(404)
    return _jpeg(here, page, lambda row: here.pictures.crop(row, Box(x0, y0, x1, y1)))


def _jpeg(here: Shared, page: str, make: Callable[[Row], bytes]) -> Response:
    row = page_row(here, page)
    try:
        return Response(make(row), media_type="image/jpeg", headers=_AGE)
    except (LibraryError, PageError) as error:  # the page still has its text; the browser shows a gap
        return Response(str(error), 404, media_type="text/plain")


def _belongs(page: str, document: Row | None) -> bool:
    return document is not None and 1 <= page_number(page) <= (document["pages"] or 1)


def _neighbours(here: Shared, document: Row | None, page: str) -> dict[str, Any]:
    """The pages before and after, over the borders of documents."""
    if document is None:
        return {"earlier": None, "later": None}
    number = page_number(page)
    key = (document["source_path"], document["doc_id"])
    earlier = later = None
    if number > 1:
        earlier = page_id(document["doc_id"], number - 1)
    elif rows := here.catalogue.documents(document["collection"], 1, before=key):
        earlier = page_id(rows[0]["doc_id"], max(rows[0]["pages"] or 1, 1))
    if number < (document["pages"] or 1):
        later = page_id(document["doc_id"], number + 1)
    elif rows := here.catalogue.documents(document["collection"], 1, after=key):
        later = page_id(rows[0]["doc_id"], 1)
    return {"earlier": earlier, "later": later}
