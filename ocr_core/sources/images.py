"""Decoding images: any mode Pillow knows → uint8 grey or RGB, upright, on white; never half a picture."""

from __future__ import annotations

import io
import logging
import math
import re
import struct
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ocr_core.errors import PageError
from ocr_core.records import PageArray
from ocr_core.sources.pixels import luminance, to_grey_or_rgb
from ocr_core.sources.quiet import quiet_libraries

log = logging.getLogger(__name__)

# Pillow's own guard is one process-wide number; here every image is measured against its caller's limit
# from the header, before any pixel is decoded (`check_size`).
Image.MAX_IMAGE_PIXELS = None

DPI_RANGE = (50.0, 2400.0)  # what a scanner may claim; beyond it the number is a default or damage
MAX_SIDE = 32_000  # OpenCV's warps count coordinates in 16 bits
RESAVE = "Open it in an image editor and save it again, or scan the page anew."
COPY_AGAIN = "Copy the file again from where it came from, or scan the page anew."

# media type → (name in messages, Pillow's plug-ins that may read it)
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "image/jpeg": ("JPEG", ("JPEG",)),
    "image/png": ("PNG", ("PNG",)),
    "image/tiff": ("TIFF", ("TIFF",)),
    "image/webp": ("WebP", ("WEBP",)),
    "image/jp2": ("JPEG 2000", ("JPEG2000",)),
    "image/bmp": ("BMP", ("BMP",)),
    "image/gif": ("GIF", ("GIF",)),
    "image/x-portable-anymap": ("PNM", ("PPM",)),  # never sniffed: what pdfimages writes
}

_ORIENTATION = 0x0112  # of EXIF and TIFF
_ON_ITS_SIDE = (5, 6, 7, 8)
# orientation → how to make the pixels upright (EXIF 2.3)
_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@dataclass(frozen=True, slots=True)
class Raster:
    """A decoded image: pixels uint8, [height, width] or [height, width, 3]; dpi None if unknown or absurd."""

    pixels: PageArray
    dpi: float | None


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raises PageError `too-large` when the image has too many pixels, or a side no later step can handle."""
    if max(width, height) > MAX_SIDE:
        raise PageError(
            "too-large",
            f"The image has {width} × {height} pixels; no side may have more than {MAX_SIDE}.",
            remedy="Scale it down or cut it into pages.",
        )
    if width * height > max_pixels:
        megapixels = width * height / 1e6
        raise PageError(
            "too-large",
            f"The image has {width} × {height} pixels, {megapixels:.0f} million; the limit is {max_pixels / 1e6:g} million.",
            remedy=f"If it is a page, run again with --max-megapixels {math.ceil(megapixels)}, which takes up to "
            f"{math.ceil(5 * megapixels / 1000)} GB of memory for each worker; else scale it down or cut it into pages.",
        )


def frames(path: Path, media_type: str) -> tuple[int, ...]:
    """Which frames of the file are pages, in order: all of a TIFF but its previews, else the first one.

    A chain of TIFF frames that breaks off counts one frame more: reading that one fails, and nothing is lost
    without a word.
    """
    if media_type != "image/tiff":
        return (0,)
    found: list[int] = []
    with path.open("rb") as stream, _opened(stream, media_type) as image:
        index = 0
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    image.seek(index)
            except EOFError:
                break
            except Exception as error:
                log.debug("%s: frame %d: %s", path, index, error)
                found.append(index)
                break
            subfile = image.tag_v2.get(254, 0)  # type: ignore[attr-defined]
            if not (isinstance(subfile, int) and subfile & 0b101):  # reduced resolution, or a mask
                found.append(index)
            index += 1
    return tuple(found) or (0,)


def size(path: Path, media_type: str) -> tuple[int, int]:
    """Width and height of the first frame from its header alone, before orientation."""
    with path.open("rb") as stream, _opened(stream, media_type) as image:
        return image.size


def decode(
    source: Path | bytes,
    media_type: str,
    *,
    frame: int = 0,
    max_pixels: int,
    orient: bool = True,
    colour: bool = True,
) -> Raster:
    """One frame as grey or RGB pixels, composited on white.

    Args:
        colour: keep it where there is any; else the pixels are luminance.
        orient: apply the EXIF orientation (a PDF's JPEG may carry one that PDF viewers ignore).
    Raises:
        PageError: `truncated`, `too-large` or `damaged`. MemoryError passes through.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        if media_type in _ENDS:
            _ENDS[media_type](stream)
            stream.seek(0)
        with _opened(stream, media_type) as image:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # odd metadata; what matters is raised
                    if frame:
                        _go_to(image, frame)
                    check_size(*image.size, max_pixels)
                    dpi = _resolution(image)
                    if dpi and getattr(image, "tag_v2", {}).get(_ORIENTATION) in _ON_ITS_SIDE:
                        dpi = dpi[::-1]  # those of the stored picture, and Pillow turns a TIFF as it loads it
                    if not colour:  # a JPEG holds luminance by itself, and gives it sooner than colour
                        image.draft("L", None)
                    with quiet_libraries() if media_type == "image/tiff" else nullcontext():
                        image.load()
                pixels = to_grey_or_rgb(image) if colour else luminance(image)
                turn = _orientation(image) if orient else 1
            except (PageError, MemoryError):
                raise
            except Exception as error:  # Pillow's plug-ins raise whatever the bytes provoke
                raise _damaged(error, media_type) from error
    if dpi and max(dpi) / min(dpi) > 1.5:  # a fax: fewer lines than columns per inch
        height, width = pixels.shape[:2]
        scale = max(dpi)
        stretched = (round(width * scale / dpi[0]), round(height * scale / dpi[1]))
        check_size(*stretched, max_pixels)
        pixels, dpi = np.asarray(cv2.resize(pixels, stretched), np.uint8), (scale, scale)
    upright = np.ascontiguousarray(_UPRIGHT[turn](pixels)) if turn in _UPRIGHT else pixels
    return Raster(upright, round(sum(dpi) / 2, 2) if dpi else None)


def _opened(stream: IO[bytes], media_type: str) -> Image.Image:
    """The lazily opened image. Only the plug-in of its type is tried: no file reaches, say, Ghostscript."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(stream, formats=FORMATS[media_type][1])
    except UnidentifiedImageError as error:
        raise PageError(
            "damaged",
            f"The file begins like a {FORMATS[media_type][0]} image, but its header cannot be read.",
            remedy=COPY_AGAIN,
        ) from error
    except Exception as error:
        raise _damaged(error, media_type) from error


def _go_to(image: Image.Image, frame: int) -> None:
    try:
        image.seek(frame)
    except MemoryError:
        raise
    except Exception as error:
        # Saved again in an editor, the file would lack all that came after without a word.
        raise PageError(
            "truncated",
            "The file breaks off at this page, and others may have followed.",
            remedy=COPY_AGAIN,
        ) from error


def _damaged(error: Exception, media_type: str) -> PageError:
    name, said = FORMATS[media_type][0], str(error) or type(error).__name__
    if isinstance(error, EOFError) or re.search(r"truncated|unexpected end|Truncated|premature", said):
        return _truncated(name)
    why = "its data are damaged" if said.startswith("decoder error") else said[:200]  # by number, in Pillow
    return PageError("damaged", f"The {name} image cannot be decoded: {why}.", remedy=RESAVE)


def _truncated(name: str) -> PageError:
    return PageError("truncated", f"The {name} image breaks off before its end.", remedy=COPY_AGAIN)


def _resolution(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(v) for v in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    low, high = DPI_RANGE
    return (x, y) if low <= x <= high and low <= y <= high else None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1…8; 1 when absent or unreadable. (Pillow itself has already turned a TIFF.)"""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception as error:  # damaged metadata is no reason to lose a page
        log.debug("unreadable EXIF: %s", error)
        return 1


# -- does the file reach its end? Decoders fill what is missing with grey and say nothing --------------------


_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffed, no fill byte, not a restart
_JPEG_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length


def _jpeg_ends(stream: IO[bytes]) -> None:
    """Walks the markers (ITU T.81, annex B) up to EOI, which must come after a scan."""
    data = stream.read()
    at, scanned = 2, False
    while match := _JPEG_MARKER.search(data, at):
        marker, at = data[match.end() - 1], match.end()
        if marker == 0xD9:
            if scanned:
                return
        elif marker not in _JPEG_ALONE:
            if at + 2 > len(data):
                break
            scanned = scanned or marker == 0xDA
            at += struct.unpack(">H", data[at : at + 2])[0]
    raise _truncated("JPEG")


def _jp2_ends(stream: IO[bytes]) -> None:
    """A codestream ends with EOC (ISO 15444-1, A.4.4); boxes may follow it in a JP2 file."""
    stream.seek(max(0, stream.seek(0, io.SEEK_END) - 65536))
    if b"\xff\xd9" not in stream.read():
        raise _truncated("JPEG 2000")


_ENDS = {"image/jpeg": _jpeg_ends, "image/jp2": _jp2_ends}
