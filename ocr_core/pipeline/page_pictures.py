"""Pictures of a page with what was found on it, for people to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ocr_core.errors import PageError
from ocr_core.records import Failure, PageArray
from ocr_core.sources import Place, as_read, open_again, read_pages

Elsewhere = Callable[[str], Iterable[Place]]

_LOW, _HIGH = (200, 60, 40), (30, 120, 60)  # colour of a line by its confidence
_BASELINE = (40, 90, 200)


def read_again(page: Mapping[str, Any], elsewhere: Elsewhere) -> PageArray:
    """The original pixels of a page of the library, from its source file or another with the same bytes.

    Args:
        elsewhere: asked for further places of a document (`Library.places`) if it is not where it was read.

    Raises:
        LibraryError: the file has moved or changed.
        PageError: it can no longer be read.
    """
    document = open_again(page["doc_id"], _places(page, elsewhere))
    settings = as_read(page["origin"], page["dpi"], page["width"], page["height"])
    image = next(iter(read_pages([document.page(page["page_number"])], settings=settings)))
    if isinstance(image, Failure):
        raise PageError(image.kind, f"{document.source.path}: {image.message}", remedy=image.remedy)
    return image.pixels


def draw_page(pixels: PageArray, lines: Sequence[Mapping[str, Any]]) -> Image.Image:
    """The page with the polygon of each line, red to green by confidence, its baseline, and its number."""
    picture = Image.fromarray(pixels).convert("RGB")
    overlay = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(overlay)
    stroke = max(2, picture.height // 800)
    for line in lines:
        confidence = line["confidence"] or 0.0
        colour = tuple(int(low + (high - low) * confidence) for low, high in zip(_LOW, _HIGH, strict=True))
        polygon = list(zip(line["polygon_x"], line["polygon_y"], strict=True))
        baseline = list(zip(line["baseline_x"], line["baseline_y"], strict=True))
        if len(polygon) >= 3:
            draw.polygon(polygon, fill=(*colour, 40), outline=(*colour, 255), width=stroke)
        if len(baseline) >= 2:
            draw.line(baseline, fill=(*_BASELINE, 200), width=stroke)
        x, y = int(np.min(line["polygon_x"])), int(np.mean(line["polygon_y"]))
        draw.text(
            (x - 12 * stroke, y), str(line["line_order"] + 1), fill=(*colour, 255), font_size=9 * stroke
        )
    drawn = Image.alpha_composite(picture.convert("RGBA"), overlay).convert("RGB")
    return _with_text_beside(drawn, lines)


def _places(page: Mapping[str, Any], elsewhere: Elsewhere) -> Iterator[Place]:
    yield page["root"], page["source_path"]
    yield from elsewhere(page["doc_id"])


def _with_text_beside(picture: Image.Image, lines: Sequence[Mapping[str, Any]]) -> Image.Image:
    """The picture with the text of each line at its height on the right, as far as the font at hand has its letters
    (Latin: Pillow brings a font for it, and none for Arabic)."""
    readable = [
        line for line in lines if line["text"] and line["text"].isprintable() and line["script"] == "latin"
    ]
    if not readable:
        return picture
    size = max(12, picture.height // 60)
    sheet = Image.new("RGB", (picture.width + round(0.62 * picture.width), picture.height), "white")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for line in readable:
        middle = (min(line["polygon_y"]) + max(line["polygon_y"])) // 2
        place = (picture.width + size, middle)
        draw.text(
            place, f"{line['line_order'] + 1}  {line['text']}", fill="black", font_size=size, anchor="lm"
        )
    return sheet
