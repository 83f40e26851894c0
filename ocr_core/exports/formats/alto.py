"""ALTO 4.3, one page a file: www.loc.gov/standards/alto.

Provenance: a `Processing` for each engine, named by its lines in `PROCESSINGREFS`; `WC` is the word's confidence, the line's
where the engine gave none for words, `PC` the page's. Words whose boxes were divided off from the line's bear a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree
from lxml.builder import ElementMaker

from ocr_core import __version__
from ocr_core.exports.context import Context
from ocr_core.exports.model import Block, ExportLine, ExportPage, PlacedWord, blocks
from ocr_core.records import Box, EngineStamp, Point

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
VERSION = "4.3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCATION = f"{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-3.xsd"
_DIVIDED = "box-divided"
E = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE, "xsi": _XSI})


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the one page of `pages`."""
    page = next(pages)
    engines = {engine: f"engine-{number}" for number, engine in enumerate(page.engines, 1)}
    alto = E.alto(
        E.Description(
            E.MeasurementUnit("pixel"),
            E.sourceImageInformation(
                E.fileName(context.link(page)),
                E.fileIdentifier(page.page_id),
                E.documentIdentifier(page.doc_id),
            ),
            *(_processing(engine, own_id, page) for engine, own_id in engines.items()),
        ),
        E.Tags(
            E.OtherTag(
                ID=_DIVIDED,
                TYPE="box",
                LABEL="divided",
                DESCRIPTION="The engine gave no box for this word: the line's was divided by length.",
            )
        ),
        E.Layout(_page(page, engines)),
        SCHEMAVERSION=VERSION,
    )
    alto.set(f"{{{_XSI}}}schemaLocation", _LOCATION)
    etree.ElementTree(alto).write(out, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _processing(engine: EngineStamp, own_id: str, page: ExportPage) -> etree._Element:
    settings = [f"run={page.run_id}"]
    if engine.weights_sha256:
        settings.append(f"weights_sha256={engine.weights_sha256}")
    return E.Processing(
        E.processingCategory("contentGeneration"),
        E.processingDateTime(page.created_at.isoformat()),
        E.processingStepDescription("text recognition"),
        E.processingStepSettings(" ".join(settings)),
        E.processingSoftware(
            E.softwareCreator(f"Warraq {page.warraq_version or __version__}"),
            E.softwareName(engine.name),
            E.softwareVersion(engine.version),
        ),
        ID=own_id,
    )


def _page(page: ExportPage, engines: dict[EngineStamp, str]) -> etree._Element:
    size = {"WIDTH": str(page.width), "HEIGHT": str(page.height)}
    element = E.Page(ID=f"p{page.number}", PHYSICAL_IMG_NR=str(page.number), **size)
    if page.confidence is not None:
        element.set("PC", f"{page.confidence:.4f}")
    space = E.PrintSpace(HPOS="0", VPOS="0", **size)
    for number, block in enumerate(blocks(page), 1):
        space.append(_block(block, number, engines))
    element.append(space)
    return element


def _block(block: Block, number: int, engines: dict[EngineStamp, str]) -> etree._Element:
    element = E.TextBlock(ID=f"b{number}", BASEDIRECTION=block.direction, **_place(block.box))
    if block.turn:
        element.set("ROTATION", str(block.turn))  # against the clock, by which the text was turned
    element.extend(_line(line, engines) for line in block.lines)
    return element


def _line(line: ExportLine, engines: dict[EngineStamp, str]) -> etree._Element:
    element = E.TextLine(ID=f"l{line.line_id}", BASEDIRECTION=line.direction, **_place(line.box))
    if line.baseline:
        element.set("BASELINE", _points(line.baseline))
    if line.engine in engines:
        element.set("PROCESSINGREFS", engines[line.engine])
    element.append(E.Shape(E.Polygon(POINTS=_points(line.polygon))))
    if not line.words:
        element.append(E.String(CONTENT="", **_place(line.box)))  # the schema wants one
    for number, word in enumerate(line.words, 1):
        if number > 1:
            element.append(E.SP())
        element.append(_word(word, f"w{line.number}-{number}", line.confidence))
    return element


def _word(word: PlacedWord, own_id: str, of_line: float | None) -> etree._Element:
    element = E.String(ID=own_id, CONTENT=word.text, **_place(word.box))
    confidence = of_line if word.confidence is None else word.confidence
    if confidence is not None:
        element.set("WC", f"{confidence:.4f}")
    if not word.measured:
        element.set("TAGREFS", _DIVIDED)
    return element


def _place(box: Box) -> dict[str, str]:
    return {"HPOS": str(box.x0), "VPOS": str(box.y0), "WIDTH": str(box.width), "HEIGHT": str(box.height)}


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
