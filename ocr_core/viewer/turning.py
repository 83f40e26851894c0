"""Pages that lie on their side in the file, as they are read: turned clockwise by the quarter turns of `pages.rotation`.

Stored coordinates are those of the image as it lies in the file.
"""

from __future__ import annotations

from PIL import Image

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
    match rotation:
        case 90:
            return Box(height - box.y1, box.x0, height - box.y0, box.x1)
        case 180:
            return Box(width - box.x1, height - box.y1, width - box.x0, height - box.y0)
        case 270:
            return Box(box.y0, width - box.x1, box.y1, width - box.x0)
    return box


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
