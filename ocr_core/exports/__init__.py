"""Exports of a library's pages: text, tables, ALTO, PAGE, hOCR, TEI, searchable PDF, IIIF."""

from ocr_core.exports.export import Destination, Options, Summary, export
from ocr_core.exports.formats.register import FORMATS, Format, Unit
from ocr_core.exports.select import Selection

__all__ = ["FORMATS", "Destination", "Format", "Options", "Selection", "Summary", "Unit", "export"]
