"""Pictures of single lines, cut from the scans of a library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image

from ocr_core.errors import LibraryError, PageError
from ocr_core.library import Library
from ocr_core.pipeline.page_pictures import read_again
from ocr_core.records import Box, PageArray

MARGIN: Final = 0.25  # of the line's height, added on every side: ascenders reach out of boxes


def cut_lines(library: Library, lines: Sequence[tuple[str, Box]]) -> list[Image.Image | str]:
    """The pictures of lines, in order; why there is none where a scan is gone or has changed, or its page is not there.

    Args:
        lines: page id and box, in pixels of the original page.
    """
    cut: list[Image.Image | str] = [""] * len(lines)
    pages = library.page_rows([page_id for page_id, _ in lines])
    for page_id in dict.fromkeys(page_id for page_id, _ in lines):  # every scan is decoded once
        pixels: PageArray | None = None
        trouble = f"{page_id} is not in the library."
        try:
            if page_id in pages:
                pixels = read_again(pages[page_id], library.places)
        except (LibraryError, PageError) as error:
            trouble = str(error)
        for place, (page, box) in enumerate(lines):
            if page == page_id:
                cut[place] = trouble if pixels is None else cut_line(pixels, box)
    return cut


def cut_line(pixels: PageArray, box: Box) -> Image.Image:
    """The picture of one line of a page."""
    margin = round(MARGIN * box.height)
    rows = slice(max(box.y0 - margin, 0), box.y1 + margin)
    columns = slice(max(box.x0 - margin, 0), box.x1 + margin)
    return Image.fromarray(pixels[rows, columns])
