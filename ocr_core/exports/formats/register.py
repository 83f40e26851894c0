"""The formats by name: what a file of each holds, and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Final

from ocr_core.exports.context import Context
from ocr_core.exports.formats import alto, hocr, iiif, page_xml, tei, text
from ocr_core.exports.formats.pdf import document as pdf
from ocr_core.exports.model import ExportPage

Writer = Callable[[Iterator[ExportPage], BinaryIO, Context], None]


class Unit(StrEnum):
    """What one file holds."""

    PAGE = "page"
    DOCUMENT = "document"
    ALL = "all"  # everything selected, in one stream


@dataclass(frozen=True, slots=True)
class Format:
    """How pages are written.

    Attributes:
        suffix: of its files, with the dot.
        streams: several documents may also follow each other in one file.
        binary: nothing for a terminal.
        needs_images: its files are of little use without copies of the images beside them.
    """

    name: str
    suffix: str
    unit: Unit
    write: Writer
    streams: bool = False
    binary: bool = False
    needs_images: bool = False


FORMATS: Final[dict[str, Format]] = {
    made.name: made
    for made in (
        Format("txt", ".txt", Unit.DOCUMENT, text.write_text, streams=True),
        Format("jsonl", ".jsonl", Unit.ALL, text.write_jsonl, streams=True),
        Format("csv", ".csv", Unit.ALL, text.write_csv, streams=True),
        Format("alto", ".xml", Unit.PAGE, alto.write),
        Format("page", ".xml", Unit.PAGE, page_xml.write),
        Format("hocr", ".hocr", Unit.PAGE, hocr.write),
        Format("tei", ".xml", Unit.DOCUMENT, tei.write),
        Format("pdf", ".pdf", Unit.DOCUMENT, pdf.write, binary=True),
        Format("iiif", ".json", Unit.DOCUMENT, iiif.write, needs_images=True),
    )
}
