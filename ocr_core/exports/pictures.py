"""Images of pages for files that hold or accompany them: JPEG, as the page is seen."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from ocr_core.errors import LibraryError, PageError
from ocr_core.records import Document, Failure, PageArray
from ocr_core.sources import Place, as_read, file_at, is_file, open_again, read_pages

_QUALITY = 85
_ORIENTATION = 0x0112  # the tag of EXIF


class Sourced(Protocol):
    """Where the image of a page comes from, and how large it was when it was read (`ExportPage` is one).

    `elsewhere` are further places of the document, asked for if it is not where it was read.
    """

    @property
    def doc_id(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def source_path(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def origin(self) -> str: ...
    @property
    def dpi(self) -> float | None: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def elsewhere(self) -> Iterable[Place]: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as a JPEG file, of the size its lines are measured on."""

    data: bytes
    width: int
    height: int
    grey: bool


class Pictures:
    """Reads the sources of pages again; a document that comes page after page is verified once."""

    def __init__(self) -> None:
        self._document: Document | None = None

    def of(self, page: Sourced) -> Picture:
        """The original JPEG where the page is one, else its pixels as a new one.

        Raises:
            LibraryError: the source has moved or changed.
            PageError: it can no longer be read.
        """
        document = self.document(page)
        if document.media_type == "image/jpeg":
            picture = _as_stored(document.source.path.read_bytes(), page)
            if picture is not None:
                return picture
        settings = as_read(page.origin, page.dpi, page.width, page.height)
        image = next(iter(read_pages([document.page(page.number)], settings=settings)))
        if isinstance(image, Failure):
            raise PageError(image.kind, image.message, remedy=image.remedy)
        if image.pixels.shape[:2] != (page.height, page.width):
            raise LibraryError(
                "Its image has another size than when it was read.", remedy="Run it again: warraq run."
            )
        return _encoded(image.pixels)

    def document(self, page: Sourced) -> Document:
        """The source of a page, verified.

        Raises:
            LibraryError: it has moved or changed.
        """
        if self._document is None or self._document.doc_id != page.doc_id:
            self._document = open_again(page.doc_id, _places(page))
        return self._document

    def path(self, page: Sourced) -> Path | None:
        """Where the source of a page is, as far as names tell; None if it is gone."""
        for root, source_path in _places(page):
            if is_file(path := file_at(root, source_path)):
                return path
        return None


def _places(page: Sourced) -> Iterator[Place]:
    yield page.root, page.source_path
    yield from page.elsewhere


def _as_stored(data: bytes, page: Sourced) -> Picture | None:
    """A JPEG file unchanged, if any viewer shows it as the page was read: upright, grey or RGB."""
    with Image.open(io.BytesIO(data)) as image:
        plain = image.mode in ("L", "RGB") and image.getexif().get(_ORIENTATION, 1) == 1
        if not plain or image.size != (page.width, page.height):
            return None
        return Picture(data, *image.size, grey=image.mode == "L")


def _encoded(pixels: PageArray) -> Picture:
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=_QUALITY)
    height, width = pixels.shape[:2]
    return Picture(out.getvalue(), width, height, grey=pixels.ndim == 2)
