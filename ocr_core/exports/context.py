"""What a writer is told besides its pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from ocr_core import __version__
from ocr_core.exports.model import ExportPage, fit
from ocr_core.exports.pictures import Picture, Pictures

SOFTWARE = f"Warraq {__version__}"


@dataclass(frozen=True, slots=True)
class Context:
    """Where a file will lie, and how its writer gets at pictures.

    Attributes:
        folder: of the whole export; the current one for standard output.
        place: of the file, relative to it.
        copy: how pages with pictures beside them are told where theirs is, relative to `folder`; None without such copies.
        base_url: under which `folder` will be served, without a slash at its end.
        problem: called with a page and what could not be exported of it.
    """

    folder: Path
    place: PurePosixPath
    pictures: Pictures
    problem: Callable[[ExportPage, str], None]
    base_url: str = "http://localhost:8000"
    copy: Callable[[ExportPage], PurePosixPath | None] | None = None

    def link(self, page: ExportPage) -> str:
        """The image of a page as a path relative to the file: its copy, else the original; the path in the library where
        it is gone."""
        if self.copy is not None and (copied := self.copy(page)) is not None:
            return os.path.relpath(copied, self.place.parent)
        original = self.pictures.path(page)
        if original is None:
            return fit(page.source_path)
        return fit(os.path.relpath(original, self.folder.absolute() / self.place.parent))

    def url(self, page: ExportPage) -> str:
        """`link` as a relative URL; a page of several bears `#page=N`."""
        copied = self.copy is not None and self.copy(page) is not None
        fragment = f"#page={page.number}" if page.pages_of_document > 1 and not copied else ""
        return quote(self.link(page)) + fragment

    def picture(self, page: ExportPage) -> Picture | None:
        """The image of a page; without one, None, and the problem is told."""
        try:
            return self.pictures.of(page)
        except Exception as error:  # whatever a decoder makes of a strange file, the text is exported
            self.problem(page, getattr(error, "message", None) or f"{type(error).__name__}: {error}")
            return None
