"""Pages that lie on their side in the file, as they are read: turned clockwise by the quarter turns of `pages.rotation`.

Stored coordinates are those of the image as it lies in the file.
"""

from __future__ import annotations

from PIL import Image

from ocr_core.exports.turned import turned_box as about_origin
from ocr_core.records import Box

_TRANSPOSED = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


def turned_image(image: Image.Image, rotation: int | None) -> Image.Image:
    way = _TRANSPOSED.get(rotation or 0)  # Pillow turns against the clock
    return image if way is None else image.transpose(way)


def turned_box(box: Box, width: int, height: int, rotation: int | None) -> Box:
    """Where a box of a page lies once the page is turned.

    Args:
        width, height: of the page as it lies in the file.
    """
    turned, sheet = (about_origin(one, rotation or 0) for one in (box, Box(0, 0, width, height)))
    return Box(turned.x0 - sheet.x0, turned.y0 - sheet.y0, turned.x1 - sheet.x0, turned.y1 - sheet.y0)


def svg_transform(width: int, height: int, rotation: int | None) -> str:
    """The same for points in SVG."""
    match rotation:
        case 90:
            return f"translate({height} 0) rotate(90)"
        case 180:
            return f"translate({width} {height}) rotate(180)"
        case 270:
            return f"translate(0 {width}) rotate(270)"
    return ""
