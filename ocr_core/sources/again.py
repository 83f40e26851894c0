"""The file of a document that was read before, found again: where it was, or where else its bytes are known to be."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from ocr_core.errors import LibraryError
from ocr_core.records import Document, SourceFile
from ocr_core.sources.discover import file_at
from ocr_core.sources.identify import Limits, identify
from ocr_core.sources.settings import MAX_PIXELS, ReadSettings

Place = tuple[str, str]
"""A folder that was read, and the path of a file in it."""

_LIMITS: Final = Limits(max_pixels=sys.maxsize)  # its run took it, whatever the limit then was


def open_again(doc_id: str, places: Iterable[Place], limits: Limits = _LIMITS) -> Document:
    """The document at the first of its places that still has its content.

    Args:
        places: the likeliest first. No more of them are asked for than needed, so later ones may be costly to name.

    Raises:
        LibraryError: none of its files is there, or all have other content.
        MissingDependency: it is a PDF and poppler is not installed.
    """
    gone, changed, outside = list[Path](), list[Path](), list[str]()
    for root, source_path in places:
        if _leads_out(source_path):
            outside.append(source_path)
            continue
        path = file_at(root, source_path)
        if not is_file(path):
            gone.append(path)
            continue
        found = identify(SourceFile(path, Path(root), source_path), limits)
        if isinstance(found, Document) and found.doc_id == doc_id:
            return found
        changed.append(path)
    if changed:
        raise LibraryError(f"{changed[0]} has changed since it was read.", remedy="Run it again: warraq run.")
    if gone:
        raise LibraryError(
            f"{gone[0]} is no longer there.",
            remedy="Put the file back, or run Warraq on it where it is now: the library keeps text, not scans.",
        )
    raise LibraryError(
        f"The path of document {doc_id[:12]} leads out of the folder that was read.",
        remedy="Read the file again: warraq run.",
    )


def as_read(origin: str, dpi: float | None, width: int, height: int) -> ReadSettings:
    """Settings that give a page as its run had it, in colour: the coordinates of its lines fit.

    Args:
        origin, dpi, width, height: of the page, as its run recorded them.
    """
    settings = ReadSettings(colour=True, max_pixels=max(MAX_PIXELS, width * height))
    return replace(settings, dpi=round(dpi)) if origin == "rendered" and dpi else settings


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null
        return False


def _leads_out(source_path: str) -> bool:
    relative = PurePosixPath(source_path)
    return relative.is_absolute() or ".." in relative.parts
