"""hOCR 1.2, one page a file, as XHTML: kba.github.io/hocr-spec/1.2.

Provenance: `ocr-system` and further meta elements in the head; `x_wconf` is a word's confidence in per cent, the
line's where the engine gave none for words. Words whose boxes were divided off from the line's have the class `box-divided`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from lxml import etree
from lxml.builder import ElementMaker

from ocr_core.exports.context import SOFTWARE, Context
from ocr_core.exports.model import ExportLine, ExportPage, PlacedWord, blocks, describe, fit
from ocr_core.records import Box

NAMESPACE = "http://www.w3.org/1999/xhtml"
_DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
)
_CAPABILITIES = "ocr_page ocr_carea ocr_line ocrx_word ocrp_dir ocrp_poly ocrp_wconf"
E = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the one page of `pages`."""
    page = next(pages)
    engines = ", ".join(map(describe, page.engines))
    meta = {
        "ocr-system": f"{SOFTWARE} ({engines})" if engines else SOFTWARE,
        "ocr-capabilities": _CAPABILITIES,
        "ocr-number-of-pages": "1",
        "warraq-run": page.run_id,
        "warraq-page": page.page_id,
        "warraq-weights-sha256": " ".join(e.weights_sha256 for e in page.engines if e.weights_sha256),
        "warraq-read-at": page.created_at.isoformat(),
    }
    head = E.head(
        E.title(fit(f"{page.source_path}#{page.number}")),
        E.meta({"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"}),
        *(E.meta(name=name, content=content) for name, content in meta.items() if content),
    )
    html = E.html(head, E.body(_page(page, context)))
    etree.ElementTree(html).write(
        out, encoding="UTF-8", xml_declaration=True, pretty_print=True, doctype=_DOCTYPE
    )


def _page(page: ExportPage, context: Context) -> etree._Element:
    image = context.link(page).replace("\\", "\\\\").replace('"', '\\"')
    title = f'image "{image}"; bbox 0 0 {page.width} {page.height}; ppageno {page.number - 1}'
    if page.dpi:
        title += f"; scan_res {page.dpi:.0f} {page.dpi:.0f}"
    element = E.div({"class": "ocr_page", "id": f"page_{page.number}", "title": title})
    for number, block in enumerate(blocks(page), 1):
        area = E.div(
            {"class": "ocr_carea", "id": f"block_{number}", "dir": block.direction, "title": _box(block.box)}
        )
        paragraph = E.p({"class": "ocr_par", "dir": block.direction, "title": _box(block.box)})
        paragraph.extend(map(_line, block.lines))
        area.append(paragraph)
        element.append(area)
    if not page.lines:
        element.text = (
            ""  # an empty element must not be written as a lone tag: HTML readers would not close it
        )
    return element


def _line(line: ExportLine) -> etree._Element:
    title = f"{_box(line.box)}; poly {' '.join(f'{x} {y}' for x, y in line.polygon)}{_baseline(line)}"
    if line.turn:
        title += f"; textangle {line.turn}"
    if line.confidence is not None:
        title += f"; x_conf {100 * line.confidence:.2f}"
    element = E.span({"class": "ocr_line", "id": f"l{line.line_id}", "dir": line.direction, "title": title})
    element.text = ""
    for number, word in enumerate(line.words, 1):
        child = _word(word, f"word_{line.number}_{number}", line.confidence)
        child.tail = " " if number < len(line.words) else None
        element.append(child)
    return element


def _word(word: PlacedWord, own_id: str, of_line: float | None) -> etree._Element:
    confidence = of_line if word.confidence is None else word.confidence
    title = _box(word.box) + (f"; x_wconf {100 * confidence:.0f}" if confidence is not None else "")
    kind = "ocrx_word" if word.measured else "ocrx_word box-divided"
    return E.span(word.text, {"class": kind, "id": own_id, "title": title})


def _baseline(line: ExportLine) -> str:
    """Slope and offset from the lower left corner of the box, as Tesseract has them; of the nearest straight line."""
    xs, ys = ([point[axis] for point in line.baseline] for axis in (0, 1))
    if len(set(xs)) < 2:
        return ""
    slope, at_zero = np.polyfit(xs, ys, 1)
    return f"; baseline {slope:.4f} {slope * line.box.x0 + at_zero - line.box.y1:.0f}"


def _box(box: Box) -> str:
    return f"bbox {box.x0} {box.y0} {box.x1} {box.y1}"
