"""Searchable PDF/A-2u (ISO 19005-2), one document a file: the page images with hidden text.

Provenance: XMP, where `xmpMM:History` has an event for each run and engine. Pages are written as they come, and what is
known only after the last of them (font, metadata) behind them, so that a thick volume needs no more memory than a thin one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import ImageCms

from ocr_core.exports.context import SOFTWARE, Context
from ocr_core.exports.formats.pdf.file import PdfFile, number, ref, string
from ocr_core.exports.formats.pdf.glyphless import GlyphlessFont
from ocr_core.exports.formats.pdf.hidden_text import content
from ocr_core.exports.formats.pdf.xmp import Provenance
from ocr_core.exports.model import ExportPage, fit

_POINTS_PER_INCH: Final = 72.0
_A4_LONG_SIDE: Final = 842.0  # points: how large a page is drawn whose resolution nobody knows
_SIDES: Final = (3.0, 14_400.0)  # points, ISO 19005-2, 6.1.13


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the pages of one document. A page whose image is gone stays blank; its text is there all the same."""
    pdf, font, provenance = PdfFile(out), GlyphlessFont(), Provenance()
    font_number = pdf.reserve()
    for page in pages:
        provenance.add(page)
        _add_page(pdf, page, context, font, font_number)
    font.embed(pdf, font_number)
    _finish(pdf, provenance)


def points_per_pixel(page: ExportPage) -> float:
    """So that the page is drawn in its own size, within what PDF/A allows."""
    longest = max(page.width, page.height)
    scale = _POINTS_PER_INCH / page.dpi if page.dpi else _A4_LONG_SIDE / longest
    least, most = _SIDES[0] / min(page.width, page.height), _SIDES[1] / longest
    return min(max(scale, least), most)


def _add_page(
    pdf: PdfFile, page: ExportPage, context: Context, font: GlyphlessFont, font_number: int
) -> None:
    scale = points_per_pixel(page)
    width, height = round(page.width * scale, 3), round(page.height * scale, 3)
    operators = content(page, font, scale)
    resources = f"/Font<</F {ref(font_number)}>>"
    picture = context.picture(page)
    if picture is not None:
        colours = "DeviceGray" if picture.grey else "DeviceRGB"
        image = pdf.add_stream(
            picture.data,
            f"/Type/XObject/Subtype/Image/Width {picture.width}/Height {picture.height}/BitsPerComponent 8"
            f"/ColorSpace/{colours}/Filter/DCTDecode",
            as_is=True,
        )
        resources += f"/XObject<</Im {ref(image)}>>"
        operators += f"q {number(width)} 0 0 {number(height)} 0 0 cm /Im Do Q\n".encode("ascii")
    contents = pdf.add_stream(operators)
    pdf.add_page(width, height, f"/Resources<<{resources}>>/Contents {ref(contents)}")


def _finish(pdf: PdfFile, provenance: Provenance) -> None:
    profile = pdf.add_stream(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "/N 3")
    intent = pdf.add(
        "<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/Info(sRGB IEC61966-2.1)"
        f"/DestOutputProfile {ref(profile)}>>"
    )
    metadata = pdf.add_stream(provenance.xmp(), "/Type/Metadata/Subtype/XML", as_is=True)
    direction = "/Direction/R2L" if provenance.right_to_left else ""
    pdf.finish(
        f"/OutputIntents[{ref(intent)}]/Metadata {ref(metadata)}/ViewerPreferences<</DisplayDocTitle true{direction}>>",
        # where viewers look first; the same as in the XMP
        f"/Title{string(fit(provenance.title))}/Producer{string(SOFTWARE)}",
    )
