"""Searchable PDF/A-2u (ISO 19005-2), one document a file: the page images with hidden text.

Provenance: XMP, where `xmpMM:History` has an event for each run and engine. Pages are collected in small PDFs on disk, which
the last step joins, so that a thick volume needs no more memory than a few of its pages.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import ImageCms

from ocr_core.exports.context import SOFTWARE, Context
from ocr_core.exports.glyphless import GlyphlessFont
from ocr_core.exports.hidden_text import content
from ocr_core.exports.model import ExportPage, fit
from ocr_core.exports.xmp import Provenance

_PAGES_AT_ONCE: Final = 16
_POINTS_PER_INCH: Final = 72.0
_A4_LONG_SIDE: Final = 842.0  # points: how large a page is drawn whose resolution nobody knows
_SIDES: Final = (3.0, 14_400.0)  # points, ISO 19005-2, 6.1.13


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the pages of one document. A page whose image is gone stays blank; its text is there all the same."""
    provenance = Provenance()
    with tempfile.TemporaryDirectory(prefix="warraq-pdf-") as folder:
        parts: list[Path] = []
        while some := tuple(islice(pages, _PAGES_AT_ONCE)):
            parts.append(Path(folder) / f"{len(parts)}.pdf")
            _part(some, context, provenance, parts[-1])
        whole = Path(folder) / "whole.pdf"
        _join(parts, provenance, whole)
        with whole.open("rb") as made:
            shutil.copyfileobj(made, out)


def points_per_pixel(page: ExportPage) -> float:
    """So that the page is drawn in its own size, within what PDF/A allows."""
    longest = max(page.width, page.height)
    scale = _POINTS_PER_INCH / page.dpi if page.dpi else _A4_LONG_SIDE / longest
    least, most = _SIDES[0] / min(page.width, page.height), _SIDES[1] / longest
    return min(max(scale, least), most)


def _part(pages: tuple[ExportPage, ...], context: Context, provenance: Provenance, path: Path) -> None:
    font = GlyphlessFont()
    with Pdf.new() as pdf:
        for page in pages:
            provenance.add(page)
            _add_page(pdf, page, context, font)
        fonts = pdf.make_indirect(Dictionary(F=font.embed(pdf)))
        for added in pdf.pages:
            added.Resources.Font = fonts
        pdf.save(path)


def _add_page(pdf: Pdf, page: ExportPage, context: Context, font: GlyphlessFont) -> None:
    scale = points_per_pixel(page)
    width, height = round(page.width * scale, 3), round(page.height * scale, 3)
    operators = content(page, font, scale)
    resources = Dictionary()
    picture = context.picture(page)
    if picture is not None:
        image = pdf.make_stream(
            picture.data,
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=picture.width,
            Height=picture.height,
            BitsPerComponent=8,
            ColorSpace=Name.DeviceGray if picture.grey else Name.DeviceRGB,
            Filter=Name.DCTDecode,
        )
        resources.XObject = Dictionary(Im=image)
        operators += f"q {width} 0 0 {height} 0 0 cm /Im Do Q\n".encode("ascii")
    added = pdf.add_blank_page(page_size=(width, height))
    added.Resources = resources
    added.Contents = pdf.make_stream(operators)


def _join(parts: list[Path], provenance: Provenance, path: Path) -> None:
    opened = [Pdf.open(part) for part in parts]
    try:
        with Pdf.new() as pdf:
            for part in opened:
                pdf.pages.extend(part.pages)
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
            intent = Dictionary(
                Type=Name.OutputIntent,
                S=Name.GTS_PDFA1,
                OutputConditionIdentifier=String("sRGB"),
                Info=String("sRGB IEC61966-2.1"),
                DestOutputProfile=pdf.make_stream(profile, N=3),
            )
            pdf.Root.OutputIntents = Array([pdf.make_indirect(intent)])
            pdf.Root.Metadata = pdf.make_stream(provenance.xmp(), Type=Name.Metadata, Subtype=Name.XML)
            pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
            if provenance.right_to_left:
                pdf.Root.ViewerPreferences.Direction = Name.R2L
            pdf.docinfo[Name.Title] = fit(
                provenance.title
            )  # where viewers look first; the same as in the XMP
            pdf.docinfo[Name.Producer] = SOFTWARE
            pdf.save(
                path,
                force_version="1.7",
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
    finally:
        for part in opened:
            part.close()
