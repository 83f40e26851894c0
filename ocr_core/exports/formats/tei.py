"""TEI P5, one document a file: a `facsimile` with a zone for each line, and the text, whose line beginnings point there.

Provenance: an `application` for each engine in `appInfo`, to which a line's `resp` points; its `cert` is the confidence;
runs are `change`s. Pages pass through two temporary files, so that a thick volume needs no more memory than a page.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, BinaryIO, Final

from lxml import etree
from lxml.builder import ElementMaker

from ocr_core import __version__
from ocr_core.exports.context import Context
from ocr_core.exports.model import Block, ExportLine, ExportPage, blocks, describe, fit
from ocr_core.records import EngineStamp

NAMESPACE = "http://www.tei-c.org/ns/1.0"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_IN_MEMORY: Final = 1 << 22  # bytes of each half before it goes to disk
_VERSION: Final = re.compile(r"[0-9]+[a-z]*[0-9]*(\.[0-9]+[a-z]*[0-9]*){0,3}")  # teidata.versionNumber
_LANGUAGES: Final = {"arabic": "und-Arab", "latin": "und-Latn"}
E = ElementMaker()  # fragments take the namespace of the root they are copied into


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the pages of one document."""
    engines: dict[EngineStamp, str] = {}
    runs: dict[str, ExportPage] = {}
    first: ExportPage | None = None
    with (
        tempfile.SpooledTemporaryFile(_IN_MEMORY) as facsimile,
        tempfile.SpooledTemporaryFile(_IN_MEMORY) as body,
    ):
        for page in pages:
            first = first or page
            runs.setdefault(page.run_id, page)
            for engine in page.engines:
                engines.setdefault(engine, f"engine-{len(engines) + 1}")
            _append(facsimile, _surface(page, context))
            for element in _text(page, engines):
                _append(body, element)
        assert first is not None
        out.write(b"<?xml version='1.0' encoding='UTF-8'?>\n")
        out.write(f'<TEI xmlns="{NAMESPACE}">\n'.encode())
        _append(out, _header(first, engines, runs))
        _wrapped(out, facsimile, "<facsimile>\n", "</facsimile>\n")
        _wrapped(out, body, "<text><body><div>\n", "</div></body></text>\n</TEI>\n")


def _append(out: IO[bytes], element: etree._Element) -> None:
    out.write(etree.tostring(element, encoding="UTF-8") + b"\n")


def _wrapped(out: BinaryIO, part: IO[bytes], before: str, after: str) -> None:
    out.write(before.encode())
    part.seek(0)
    shutil.copyfileobj(part, out)
    out.write(after.encode())


def _header(page: ExportPage, engines: dict[EngineStamp, str], runs: dict[str, ExportPage]) -> etree._Element:
    source = fit(page.source_path)
    made_by = (
        f"Made by Warraq {__version__} from collection {page.collection}. Machine reading, not proofread."
    )
    file_desc = E.fileDesc(
        E.titleStmt(E.title(source)),
        E.publicationStmt(E.p(made_by)),
        E.sourceDesc(E.p(f"{source}, sha256 {page.doc_id}")),
    )
    warraq = E.application(E.label("Warraq"), ident="warraq", version=__version__)
    apps = [_application(engine, own_id) for engine, own_id in engines.items()]
    changes = []
    for run, of_run in runs.items():
        made_with = f", Warraq {of_run.warraq_version}" if of_run.warraq_version else ""
        changes.append(E.change(f"Run {run}{made_with}", when=f"{of_run.created_at:%Y-%m-%d}"))
    return E.teiHeader(file_desc, E.encodingDesc(E.appInfo(warraq, *apps)), E.revisionDesc(*changes))


def _application(engine: EngineStamp, own_id: str) -> etree._Element:
    version = engine.version if _VERSION.fullmatch(engine.version) else "0"
    element = E.application(
        E.label(describe(engine)), ident=re.sub(r"\s+", "-", engine.name), version=version
    )
    element.set(_XML_ID, own_id)
    if engine.weights_sha256:
        element.append(E.p(f"weights sha256 {engine.weights_sha256}"))
    return element


def _surface(page: ExportPage, context: Context) -> etree._Element:
    surface = E.surface(
        E.graphic(url=context.url(page), width=f"{page.width}px", height=f"{page.height}px"),
        n=str(page.number),
        ulx="0",
        uly="0",
        lrx=str(page.width),
        lry=str(page.height),
    )
    surface.set(_XML_ID, f"p{page.number}")
    for line in page.lines:
        zone = E.zone(type="line", points=" ".join(f"{x},{y}" for x, y in line.polygon))
        zone.set(_XML_ID, f"p{page.number}-l{line.number}")
        if line.turn:
            zone.set("rotate", str(360 - line.turn))  # clockwise, by which the text was turned
        surface.append(zone)
    return surface


def _text(page: ExportPage, engines: dict[EngineStamp, str]) -> Iterator[etree._Element]:
    yield E.pb(n=str(page.number), facs=f"#p{page.number}")
    for block in blocks(page):
        yield _block(block, page.number, engines)


def _block(block: Block, page_number: int, engines: dict[EngineStamp, str]) -> etree._Element:
    element = E.ab(type=re.sub(r"\s+", "-", block.region) or "text")
    if block.direction == "rtl":
        element.set("style", "direction: rtl")
    languages = {_LANGUAGES.get(line.script) for line in block.lines}
    if len(languages) == 1 and (language := languages.pop()):
        element.set(_XML_LANG, language)
    for line in block.lines:
        element.append(_line(line, page_number, engines))
    return element


def _line(line: ExportLine, page_number: int, engines: dict[EngineStamp, str]) -> etree._Element:
    start = E.lb(n=str(line.number), facs=f"#p{page_number}-l{line.number}")
    if line.engine in engines:
        start.set("resp", f"#{engines[line.engine]}")
    if line.confidence is not None:
        start.set("cert", f"{line.confidence:.4f}")
    start.tail = line.text + "\n"
    return start
