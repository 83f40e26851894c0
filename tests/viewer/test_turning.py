"""Pages on their side: pixels, boxes and SVG turn alike."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from ocr_core.records import Box
from ocr_core.viewer.turning import svg_transform, turned_box, turned_image

WIDTH, HEIGHT = 40, 30
BOX = Box(5, 7, 19, 11)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, None])
def test_a_box_turns_with_the_pixels_in_it(rotation: int | None) -> None:
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[BOX.y0 : BOX.y1, BOX.x0 : BOX.x1] = 255
    pixels[BOX.y0, BOX.x0] = 100
    image = np.asarray(turned_image(Image.fromarray(pixels), rotation))
    assert (image == np.rot90(pixels, -(rotation or 0) // 90)).all()  # clockwise
    ys, xs = np.nonzero(image)
    turned = turned_box(BOX, WIDTH, HEIGHT, rotation)
    assert turned == Box(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    corners = [
        applied(svg_transform(WIDTH, HEIGHT, rotation), x, y) for x, y in ((BOX.x0, BOX.y0), (BOX.x1, BOX.y1))
    ]
    assert turned == Box(
        *(round(min(axis)) for axis in zip(*corners, strict=True)),
        *(round(max(axis)) for axis in zip(*corners, strict=True)),
    )


def applied(transform: str, x: float, y: float) -> tuple[float, float]:
    """A point as SVG puts it: the last transformation first."""
    if not transform:
        return x, y
    found = re.fullmatch(r"translate\((\d+) (\d+)\) rotate\((\d+)\)", transform)
    assert found
    angle = np.deg2rad(int(found[3]))
    return (
        float(x * np.cos(angle) - y * np.sin(angle) + int(found[1])),
        float(x * np.sin(angle) + y * np.cos(angle) + int(found[2])),
    )
