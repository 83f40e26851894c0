"""The pixels of a decoded image, of any mode Pillow knows, as uint8: grey [h, w] or RGB [h, w, 3], transparency on white."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocr_core.records import PageArray

_BAND = 16_000_000  # pixels whose colour is turned into grey at a time


def to_grey_or_rgb(image: Image.Image) -> PageArray:
    """The pixels of a loaded image as uint8 grey or RGB, transparency on white, grey where no colour is."""
    if image.mode.startswith(("I", "F")):
        wide = np.asarray(image)
        white_is_zero = getattr(image, "tag_v2", {}).get(262) == 0
        return _to_eight_bits(wide, inverted=white_is_zero)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", layer.size, (255, 255, 255))
        paper.paste(layer, mask=layer.getchannel("A"))
        image = paper
    elif image.mode == "LAB":
        lab = np.asarray(image, np.uint8) ^ np.array([0, 128, 128], np.uint8)  # signed a, b → offset by 128
        return drop_absent_colour(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.uint8))
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return drop_absent_colour(np.asarray(image))


def luminance(image: Image.Image) -> PageArray:
    """The grey pixels of a loaded image, in bands: the colours of a large page are not held a second time."""
    if image.mode.startswith(("I", "F")):
        return to_grey_or_rgb(image)
    width, height = image.size
    rows = max(1, _BAND // width)
    if rows >= height:
        return _grey(to_grey_or_rgb(image))
    grey = np.empty((height, width), np.uint8)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(height, top + rows)))
        grey[top : top + rows] = _grey(to_grey_or_rgb(band))
    return grey


def _grey(pixels: PageArray) -> PageArray:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def drop_absent_colour(pixels: PageArray) -> PageArray:
    """RGB whose three channels are equal everywhere → grey; anything else as it is."""
    if pixels.ndim == 2:
        return pixels
    for view in (pixels[::16, ::16], pixels):  # most colour pages are told by the first look
        red = view[..., 0]
        if not (np.array_equal(red, view[..., 1]) and np.array_equal(red, view[..., 2])):
            return pixels
    return np.ascontiguousarray(pixels[..., 0])


def _to_eight_bits(wide: NDArray[Any], *, inverted: bool) -> PageArray:
    """Scales 16-bit, 32-bit and float samples by the range they are coded in (8, 10, 12 … bits), unclipped.

    A page is mostly paper, near the top of its range: the least range that holds the brightest sample is it.
    """
    finite = wide[np.isfinite(wide)] if wide.dtype.kind == "f" else wide
    if finite.size == 0:
        return np.full(wide.shape, 255, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    if low < 0:  # no coding of ink and paper: stretch
        bottom, top = low, max(high, low + 1)
    else:
        ranges = [1.0] if wide.dtype.kind == "f" else []
        ranges += [255.0, 1023.0, 4095.0, 16383.0, 65535.0]
        bottom, top = 0.0, next((r for r in ranges if high <= r), high)
    # The white of the paper of an inverted image is 0, so its brightest sample says nothing: trust the type.
    if inverted and low >= 0 and wide.dtype == np.uint16:
        top = 65535.0
    eight = np.empty(wide.shape, np.uint8)
    rows = max(1, 4_000_000 // max(1, wide.shape[1]))
    for at in range(0, len(wide), rows):  # in strips: floats take four times the room
        strip = wide[at : at + rows].astype(np.float32)
        strip = (np.nan_to_num(strip, nan=top, posinf=top, neginf=bottom) - bottom) * (255 / (top - bottom))
        eight[at : at + rows] = np.rint(strip)
    return 255 - eight if inverted else eight
