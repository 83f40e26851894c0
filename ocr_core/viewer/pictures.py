"""Images of pages for the browser: JPEG, kept in memory while they are likely to be asked for again.

Nothing is written: a library that is only looked at stays as it is. The file of a page is verified by its content once and
then known by its size and time of change.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from ocr_core.errors import PageError
from ocr_core.exports.pictures import Pictures
from ocr_core.pipeline.line_pictures import cut_line
from ocr_core.pipeline.page_pictures import Elsewhere
from ocr_core.records import Box, PageArray
from ocr_core.sources import Place
from ocr_core.viewer.kept import Newest
from ocr_core.viewer.turning import turned_box, turned_image

Size = Literal["page", "thumb"]

LONGEST: Final[Mapping[Size, int]] = {"page": 3600, "thumb": 360}  # pixels of the longer side
CROP_HEIGHT: Final = 220  # pixels, at most
_KEPT_BYTES: Final = 256 << 20
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class _Source:
    """A page as `exports.pictures` wants it."""

    doc_id: str
    root: str
    source_path: str
    number: int
    origin: str
    dpi: float | None
    width: int
    height: int
    find: Elsewhere

    @property
    def elsewhere(self) -> Iterable[Place]:
        return self.find(self.doc_id)


class PagePictures:
    """Makes and keeps the images. Safe for several threads, of which `at_once` decode at a time.

    Args:
        elsewhere: asked for further places of a document (`Library.places`) that is not where it was read.

    Every method raises LibraryError where the source file has moved or changed, PageError where it can no longer be read.
    """

    def __init__(self, elsewhere: Elsewhere = lambda _: (), at_once: int = 2) -> None:
        self._elsewhere = elsewhere
        self._decoding = threading.BoundedSemaphore(at_once)
        self._images: Newest[bytes] = Newest(_KEPT_BYTES, len)

    def image(self, page: Mapping[str, Any], size: Size) -> bytes:
        """The page as a JPEG file no larger than its size allows: a `page` as it lies in the file, a `thumb` upright."""
        turn = page["rotation"] if size == "thumb" else 0
        name = f"{page['page_id']} {size} {turn}"
        return self._kept(name, lambda: _reduced(self._original(page), LONGEST[size], turn))

    def crop(self, page: Mapping[str, Any], box: Box) -> bytes:
        """The part of a page that holds a line, upright, as a JPEG file.

        Args:
            box: in pixels of the original page; what lies outside of the page is left out.
        """
        turn = page["rotation"]
        return self._kept(
            f"{page['page_id']} {box} {turn}", lambda: _cropped(self._original(page), box, turn)
        )

    def _kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        def in_turn() -> bytes:
            with self._decoding:
                return make()

        return self._images.get(name, in_turn)

    def _original(self, page: Mapping[str, Any]) -> bytes:
        pictures, source = Pictures(), _source(page, self._elsewhere)
        file = pictures.document(
            source
        ).source  # verified, which costs a look at its size and time but for the first time
        name = f"{page['page_id']} {file.path} {file.modified_ns}"
        return self._images.get(name, lambda: pictures.of(source).data)


def _source(page: Mapping[str, Any], find: Elsewhere) -> _Source:
    same = {
        name: page[name] for name in ("doc_id", "root", "source_path", "origin", "dpi", "width", "height")
    }
    return _Source(**same, number=page["page_number"], find=find)


def picture_file(pixels: PageArray, longest: int) -> bytes:
    """Pixels as a JPEG file whose longer side has at most `longest`."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    return _jpeg(image)


def _reduced(data: bytes, longest: int, rotation: int | None) -> bytes:
    with _opened(data) as image:
        if max(image.size) <= longest and not rotation:
            return data
        image.draft(
            None, (longest, longest)
        )  # JPEG is decoded at a fraction of its size where that is enough
        image.thumbnail((longest, longest))
        return _jpeg(turned_image(image, rotation))


def _cropped(data: bytes, box: Box, rotation: int | None) -> bytes:
    with _opened(data) as image:
        box = turned_box(box.within(*image.size), *image.size, rotation)
        picture = cut_line(np.asarray(turned_image(image, rotation)), box)
    picture.thumbnail((12 * CROP_HEIGHT, CROP_HEIGHT))
    return _jpeg(picture)


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except (OSError, Image.DecompressionBombError) as error:
        raise PageError("undecodable", str(error), remedy="Scan the page again.") from None


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    (image if image.mode in ("L", "RGB") else image.convert("RGB")).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
