"""What the parts of the viewer share: the library's readers, templates, checked ids."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from ocr_core.audit.figures import bounded, visible
from ocr_core.audit.figures import percent as rate
from ocr_core.audit.results.measure import SampleReport
from ocr_core.harmless import printable
from ocr_core.library import Library
from ocr_core.search.search import Searcher
from ocr_core.viewer.attempt_reader import Reader
from ocr_core.viewer.catalogue import Catalogue
from ocr_core.viewer.kept import Newest
from ocr_core.viewer.opened import Row
from ocr_core.viewer.pictures import PagePictures
from ocr_core.viewer.reading import band

DocId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
PageId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}-[0-9]{5,8}$")]
LineId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}-[0-9]{5,8}-[0-9]{4,8}$")]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]


AuditId = RunId


@dataclass(frozen=True, slots=True)
class Shared:
    """One library being shown.

    Attributes:
        edit: its lines may be corrected.
        session: run id of all that is written, so that compaction makes one file of it.
    """

    library: Library
    catalogue: Catalogue
    searcher: Searcher
    pictures: PagePictures
    reader: Reader
    reports: Newest[SampleReport | None]
    edit: bool
    session: str


def shared(request: Request) -> Shared:
    found: Shared = request.app.state.shared
    return found


Here = Annotated[Shared, Depends(shared)]


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    here = shared(request)
    common = {
        "library": here.library.root.name,
        "folder": shlex.quote(str(here.library.root)),
        "edit": here.edit,
        "at": request.url.path,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(common | values), status)


def asks_for_part(request: Request) -> bool:
    """Whether a script of the viewer asks, which wants a part of a page."""
    return request.headers.get("x-warraq") == "part"


def page_row(here: Shared, page: str) -> Row:
    """The row of a page that was read.

    Raises:
        HTTPException: 404, there is none.
    """
    found = here.catalogue.page(page)
    if found is None:
        raise HTTPException(404)
    return found


def grouped_digits(number: int | None) -> str:
    return "" if number is None else f"{number:,}".replace(",", "\u202f")


def counted(number: int | None, noun: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{grouped_digits(number or 0)} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _environment() -> Environment:
    folder = FilePath(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bounded": bounded,
        "rate": rate,
        "visible": visible,
        "printable": printable,
        "digits": grouped_digits,
        "counted": counted,
        "percent": percent,
        "when": when,
        "band": band,
    }
    return environment


_TEMPLATES: Final = _environment()
