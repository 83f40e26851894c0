"""IIIF Presentation 3: a manifest for each document, a canvas for each page, an annotation for each line.

iiif.io/api/presentation/3.0. Provenance: `metadata` of each canvas; each annotation has its `generator`, the time it was
`generated` and its confidence (a term of our own, declared in the context). Canvases are written as they come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from ocr_core.exports.context import SOFTWARE, Context
from ocr_core.exports.model import ExportLine, ExportPage, describe

_CONTEXT: Final = [
    "http://iiif.io/api/extension/text-granularity/context.json",
    {"confidence": "urn:warraq:confidence"},
    "http://iiif.io/api/presentation/3/context.json",
]
_LANGUAGES: Final = {"arabic": "und-Arab", "latin": "und-Latn"}


def write(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
    """Write the pages of one document."""
    first = next(pages)
    manifest = f"{context.base_url}/{quote(str(context.place))}"
    head = {
        "@context": _CONTEXT,
        "id": manifest,
        "type": "Manifest",
        "label": _text(first.source_path),
        "metadata": _metadata(
            {"Collection": first.collection, "Source sha256": first.doc_id, "Made by": SOFTWARE}
        ),
    }
    directions = [line.direction for line in first.lines]
    if directions.count("rtl") > len(directions) / 2:
        head["viewingDirection"] = "right-to-left"
    out.write(_json(head)[:-1] + b',"items":[')
    for number, page in enumerate(chain([first], pages)):
        out.write((b",\n" if number else b"\n") + _json(_canvas(page, manifest, context)))
    out.write(b"\n]}\n")


def _canvas(page: ExportPage, manifest: str, context: Context) -> dict[str, Any]:
    own_id = f"{manifest}/canvas/{page.number}"
    engines = ", ".join(map(describe, page.engines))
    facts = {"Run": page.run_id, "Engines": engines, "Status": page.status}
    if page.confidence is not None:
        facts["Confidence"] = f"{page.confidence:.4f}"
    canvas: dict[str, Any] = {
        "id": own_id,
        "type": "Canvas",
        "label": _text(str(page.number)),
        "height": page.height,
        "width": page.width,
        "metadata": _metadata(facts),
    }
    copied = context.copy(page) if context.copy is not None else None
    if copied is not None:
        body = {
            "id": f"{context.base_url}/{quote(str(copied))}",
            "type": "Image",
            "format": "image/jpeg",
            "height": page.height,
            "width": page.width,
        }
        painting = {
            "id": f"{own_id}/image",
            "type": "Annotation",
            "motivation": "painting",
            "body": body,
            "target": own_id,
        }
        canvas["items"] = [{"id": f"{own_id}/page", "type": "AnnotationPage", "items": [painting]}]
    annotations = [_annotation(line, page, own_id) for line in page.lines if line.text.strip()]
    if annotations:
        canvas["annotations"] = [{"id": f"{own_id}/lines", "type": "AnnotationPage", "items": annotations}]
    return canvas


def _annotation(line: ExportLine, page: ExportPage, canvas: str) -> dict[str, Any]:
    box = line.box
    body = {"type": "TextualBody", "value": line.text, "format": "text/plain"}
    if line.script in _LANGUAGES:
        body["language"] = _LANGUAGES[line.script]
    if line.direction in ("ltr", "rtl"):
        body["textDirection"] = line.direction
    annotation: dict[str, Any] = {
        "id": f"{canvas}/line/{line.number}",
        "type": "Annotation",
        "motivation": "supplementing",
        "textGranularity": "line",
        "body": body,
        "target": f"{canvas}#xywh={box.x0},{box.y0},{box.width},{box.height}",
        "generated": page.created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if line.engine.name:
        annotation["generator"] = {"type": "Software", "name": describe(line.engine)}
    if line.confidence is not None:
        annotation["confidence"] = round(line.confidence, 4)
    return annotation


def _text(value: str) -> dict[str, list[str]]:
    return {"none": [value]}


def _metadata(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"label": {"en": [name]}, "value": _text(value)} for name, value in values.items() if value]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
