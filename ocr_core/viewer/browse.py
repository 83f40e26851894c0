"""Collections, documents and their pages, a screenful at a time."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from ocr_core.errors import UsageError
from ocr_core.library import names
from ocr_core.records import page_id
from ocr_core.viewer.shared import DocId, Here, render

router = APIRouter()

TILES: Final = 48
MOST_PAGE: Final = 10**8


@router.get("/")
def home(request: Request, here: Here) -> HTMLResponse:
    """The search, what the library holds, and its newest runs."""
    collections = here.catalogue.collections()
    sums = {
        name: sum(row[name] for row in collections)
        for name in ("documents", "pages", "lines", "failed", "pending")
    }
    return render(request, "home.html", collections=collections, sums=sums, runs=here.catalogue.runs(3))


@router.get("/collections/{collection}")
def documents(
    request: Request,
    here: Here,
    collection: str,
    after: str = "",
    before: str = "",
    id: Annotated[str, Query(pattern="^[0-9a-f]{64}$")] = "0" * 64,
) -> HTMLResponse:
    """Documents of a collection by path; `after` or `before` a path and `id` the next or last ones."""
    try:
        name = names.collection(collection)
    except UsageError:
        raise HTTPException(404) from None
    known = next((row for row in here.catalogue.collections() if row["collection"] == name), None)
    if known is None:
        raise HTTPException(404)
    rows = here.catalogue.documents(
        name,
        TILES + 1,
        after=(after, id) if after else None,
        before=(before, id) if before and not after else None,
    )
    backwards = bool(before) and not after
    over = len(rows) > TILES
    rows = rows[-TILES:] if backwards else rows[:TILES]
    return render(
        request,
        "documents.html",
        collection=known,
        documents=[row | {"first_page": page_id(row["doc_id"], 1)} for row in rows],
        more=bool(rows) and (backwards or over),
        earlier=bool(rows) and (over if backwards else bool(after)),
    )


@router.get("/documents/{doc}")
def document(
    request: Request, here: Here, doc: DocId, first: Annotated[int, Query(ge=1, le=MOST_PAGE)] = 1
) -> HTMLResponse:
    """Pages of a document, from page `first` on."""
    found = here.catalogue.document(doc)
    if found is None:
        raise HTTPException(404)
    last = max(found["pages"] or 1, 1)
    numbers = range(min(first, last), min(first + TILES, last + 1))
    read = {row["page_number"]: row for row in here.catalogue.pages(doc, numbers.start, TILES)}
    failed = {row["page_number"]: row for row in here.catalogue.failures_of_pages(doc, numbers.start, TILES)}
    tiles = [
        {
            "number": n,
            "page_id": page_id(doc, n),
            "read": read.get(n),
            "failed": failed.get(n) if n not in read else None,
        }
        for n in numbers
    ]
    return render(request, "pages.html", document=found, tiles=tiles, last=last, step=TILES)
