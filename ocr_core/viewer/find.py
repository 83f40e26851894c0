"""Search: a page that works without scripts, and its results alone for results as one types."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from ocr_core.errors import UsageError
from ocr_core.search.notes import notes
from ocr_core.viewer.reading import pieces
from ocr_core.viewer.shared import Here, Shared, render

router = APIRouter()

HITS: Final = 20
MOST_HITS: Final = 200
MOST_CHARS: Final = 500

Words = Annotated[str, Query(max_length=MOST_CHARS)]
Limit = Annotated[int, Query(ge=1, le=MOST_HITS)]


@router.get("/search")
def search(
    request: Request, here: Here, q: Words = "", collection: str = "", limit: Limit = HITS
) -> HTMLResponse:
    names = [row["collection"] for row in here.catalogue.collections()]
    return render(request, "search.html", collections=names, **_found(here, q, collection, limit))


@router.get("/search/hits")
def hits(
    request: Request, here: Here, q: Words = "", collection: str = "", limit: Limit = HITS
) -> HTMLResponse:
    return render(request, "hits.html", **_found(here, q, collection, limit))


def _found(here: Shared, query: str, collection: str, limit: int) -> dict[str, Any]:
    """The hits of a query, or why it cannot be answered."""
    found, told, refusal = [], [], None
    if query.strip():
        try:
            found = here.searcher.search(query, limit=limit, collection=collection or None)
            told = notes(here.library, query, found, collection=collection or None)
        except UsageError as error:
            refusal = error
    return {
        "q": query,
        "collection": collection,
        "hits": [{"hit": hit, "pieces": pieces(hit.snippet, hit.spans)} for hit in found],
        "refusal": refusal,
        "most": MOST_HITS,
        "notes": told,
        "next_limit": min(MOST_HITS, 3 * limit) if len(found) == limit < MOST_HITS else None,
    }
