"""PAGE XML (pagecontent 2019-07-15), one page a file: schema.primaresearch.org.

Provenance: the run and each engine are `MetadataItem`s of type processingStep; a line's `TextEquiv` has its confidence and,
in `comments`, its engine. Words whose boxes were divided off from the line's say so in `comments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, Final

from lxml import etree
from lxml.builder import ElementMaker

from ocr_core.exports.context import SOFTWARE, Context
from ocr_core.exports.model import Block, ExportLine, ExportPage, PlacedWord, blocks, describe
from ocr_core.records import Box, EngineStamp, Point

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCATION = f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd"
E = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE, "xsi": _XSI})

_SCRIPTS: Final = {"latin": "Latn - Latin", "arabic": "Arab - Arabic"}
_DIRECTIONS: Final = {"ltr": "left-to-right", "rtl": "right-to-left"}
_HANDS: Final = {"hand": "handwritten-cursive", "print": "printed"}
_REGIONS: Final = frozenset(
    (
        "paragraph", "heading", "caption", "header", "footer", "page-number", "drop-capital", "credit", "floating",
        "signature-mark", "catch-word", "marginalia", "footnote", "footnote-continued", "endnote", "TOC-entry", "list-label",
    )
)  # fmt: skip


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the one page of `pages`."""
    page = next(pages)
    root = E.PcGts(_metadata(page), _page(page, context))
    root.set(f"{{{_XSI}}}schemaLocation", _LOCATION)
    etree.ElementTree(root).write(out, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _metadata(page: ExportPage) -> etree._Element:
    read_at = _utc(page.created_at)
    items = [
        E.MetadataItem(
            E.Labels(
                *_labels({"run": page.run_id, "status": page.status, "collection": page.collection}),
                externalModel="warraq",
            ),
            type="processingStep",
            name="run",
            value=f"Warraq {page.warraq_version}".strip(),
            date=read_at,
        )
    ]
    for engine in page.engines:
        labels = {"version": engine.version, "weights_sha256": engine.weights_sha256}
        items.append(
            E.MetadataItem(
                E.Labels(*_labels(labels), externalModel="warraq"),
                type="processingStep",
                name="text recognition",
                value=engine.name,
                date=read_at,
            )
        )
    return E.Metadata(
        E.Creator(SOFTWARE),
        E.Created(read_at),
        E.LastChange(_utc(datetime.now(UTC))),
        *items,
        externalRef=page.page_id,
    )


def _labels(values: dict[str, str]) -> list[etree._Element]:
    return [E.Label(type=kind, value=value) for kind, value in values.items() if value]


def _page(page: ExportPage, context: Context) -> etree._Element:
    element = E.Page(
        imageFilename=context.link(page), imageWidth=str(page.width), imageHeight=str(page.height)
    )
    if page.dpi:
        resolution = f"{page.dpi:g}"
        element.set("imageXResolution", resolution)
        element.set("imageYResolution", resolution)
        element.set("imageResolutionUnit", "PPI")
    if page.script in _SCRIPTS:
        element.set("primaryScript", _SCRIPTS[page.script])
    if page.confidence is not None:
        element.set("conf", f"{page.confidence:.4f}")
    engines = page.engines
    regions = [_region(block, f"r{number}", engines) for number, block in enumerate(blocks(page), 1)]
    if regions:
        refs = (
            E.RegionRefIndexed(index=str(index), regionRef=region.get("id"))
            for index, region in enumerate(regions)
        )
        element.append(E.ReadingOrder(E.OrderedGroup(*refs, id="order")))
    element.extend(regions)
    return element


def _region(block: Block, own_id: str, engines: tuple[EngineStamp, ...]) -> etree._Element:
    element = E.TextRegion(E.Coords(points=_corners(block.box)), id=own_id)
    if block.region in _REGIONS:
        element.set("type", block.region)
    elif block.region != "text":
        element.set("custom", f"structure {{type:{block.region.translate(_NO_BRACES)};}}")
    if block.turn:
        # By which the region is to be turned clockwise; the schema wants more than -180 and at most 180.
        element.set("orientation", str(block.turn if block.turn <= 180 else block.turn - 360))
    element.set("readingDirection", _DIRECTIONS.get(block.direction, "left-to-right"))
    element.extend(_line(line, engines) for line in block.lines)
    return element


_NO_BRACES: Final = str.maketrans(dict.fromkeys("{};:", "_"))


def _line(line: ExportLine, engines: tuple[EngineStamp, ...]) -> etree._Element:
    element = E.TextLine(E.Coords(points=_points(line.polygon)), id=f"l{line.line_id}")
    if line.script in _SCRIPTS:
        element.set("primaryScript", _SCRIPTS[line.script])
    if line.direction in _DIRECTIONS:
        element.set("readingDirection", _DIRECTIONS[line.direction])
    if line.hand in _HANDS:
        element.set("production", _HANDS[line.hand])
    if line.flags:
        element.set("comments", ", ".join(line.flags))
    if line.baseline:
        element.append(E.Baseline(points=_points(line.baseline)))
    element.extend(_word(word, f"w{line.number}-{n}") for n, word in enumerate(line.words, 1))
    if line.engine in engines:
        element.append(_text(line.text, line.confidence, describe(line.engine)))
    return element


def _word(word: PlacedWord, own_id: str) -> etree._Element:
    element = E.Word(E.Coords(points=_corners(word.box)), _text(word.text, word.confidence, ""), id=own_id)
    if not word.measured:
        element.set("comments", "box divided off from the line's")
    return element


def _text(text: str, confidence: float | None, comments: str) -> etree._Element:
    element = E.TextEquiv(E.Unicode(text))
    if confidence is not None:
        element.set("conf", f"{confidence:.4f}")
    if comments:
        element.set("comments", comments)
    return element


def _corners(box: Box) -> str:
    right, bottom = box.x1 - 1, box.y1 - 1
    return _points(((box.x0, box.y0), (right, box.y0), (right, bottom), (box.x0, bottom)))


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
