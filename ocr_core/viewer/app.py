"""The application: one library, its pages of the viewer, and how errors look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message

from ocr_core.errors import LibraryError, PageError, UsageError, WarraqError
from ocr_core.library import Library
from ocr_core.library.names import new_run_id
from ocr_core.search.search import Searcher
from ocr_core.viewer import attempt, audits, browse, find, page, reports, writing
from ocr_core.viewer.attempt_reader import Reader
from ocr_core.viewer.catalogue import Catalogue
from ocr_core.viewer.guard import LOCAL_NAMES, Guard
from ocr_core.viewer.kept import Newest
from ocr_core.viewer.pictures import PagePictures
from ocr_core.viewer.shared import Shared, asks_for_part, render

STATIC: Final = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class ViewerSettings:
    """How a library is shown.

    Attributes:
        edit: lines may be corrected; else nothing that is asked changes the library.
        most_bytes: of a picture that is tried.
        device: where the engines of "Try it" run: auto, cpu or cuda.
        names: host names under which the viewer answers.
    """

    edit: bool = False
    most_bytes: int = 32 << 20
    device: str = "auto"
    names: frozenset[str] = LOCAL_NAMES


def create_app(library: Library, settings: ViewerSettings | None = None) -> FastAPI:
    """The viewer of a library as an ASGI application. Nothing is read before the first request."""
    settings = settings or ViewerSettings()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.shared = Shared(
        library=library,
        catalogue=Catalogue(library),
        searcher=Searcher(library, write=False),
        pictures=PagePictures(library.places),
        reader=Reader(settings.device),
        reports=Newest(4),
        edit=settings.edit,
        session=new_run_id(),
    )
    for part in (browse, find, page, reports, audits, writing, attempt):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(WarraqError, _told)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Guard, names=settings.names, most_bytes=settings.most_bytes)
    return app


def warm(app: FastAPI) -> None:
    """Read ahead what the first pages and the first search need, which takes the longer the larger the library is.

    Raises:
        LibraryError: the library cannot be read.
    """
    here: Shared = app.state.shared
    here.catalogue.warm()
    here.searcher.warm()
    asyncio.run(_answer_first_page(app))  # its template is compiled, its threads are there


async def _answer_first_page(app: FastAPI) -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        pass

    asked = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    await app(asked, receive, send)


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, WarraqError)
    status = 400 if isinstance(error, UsageError) else 503 if isinstance(error, LibraryError) else 500
    if isinstance(error, PageError):
        status = 422
    return _error(request, status, error.message, error.remedy)


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, name = first["loc"][0], first["loc"][-1]
    if where == "path":
        return _error(request, 404, "There is no such page.", "Check the address.")
    return _error(request, 400, f"{name} cannot be taken: {first['msg']}.", "Put it right, and ask again.")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "There is no such page." if error.status_code == 404 else str(error.detail)
    return _error(request, error.status_code, message, "Start from the search or the collections.")


def _error(request: Request, status: int, message: str, remedy: str) -> Response:
    """An error as a page, or as the part of one that a script asked for."""
    template = "error_part.html" if asks_for_part(request) else "error.html"
    title = "Not found" if status == 404 else "This cannot be shown"
    return render(request, template, status=status, title=title, message=message, remedy=remedy)
