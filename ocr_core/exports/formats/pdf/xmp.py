"""The XMP of an exported PDF: what it is, its claim to be PDF/A-2u, who read it and how sure (ISO 16684-1; 19005-2, 6.6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree
from lxml.builder import ElementMaker

from ocr_core.exports.context import SOFTWARE
from ocr_core.exports.model import ExportPage, describe, fit
from ocr_core.records import EngineStamp

_NAMES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
}
X, RDF, DC, XMP, MM, EVENT, PDF, PDFAID = (
    ElementMaker(namespace=space, nsmap=_NAMES) for space in _NAMES.values()
)
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(slots=True)
class _Reading:
    """What one engine read in one run."""

    page: ExportPage
    chars: int = 0
    confidence: float = 0.0  # sum over characters


@dataclass(slots=True)
class Provenance:
    """Gathers page by page what the metadata of a document tells."""

    title: str = ""
    doc_id: str = ""
    created_at: str = ""
    _readings: dict[tuple[str, EngineStamp], _Reading] = field(default_factory=dict)
    _rtl: int = 0

    @property
    def right_to_left(self) -> bool:
        """Whether most lines run so."""
        return self._rtl > 0

    def add(self, page: ExportPage) -> None:
        self.title, self.doc_id = self.title or page.source_path, page.doc_id
        self.created_at = max(self.created_at, page.created_at.isoformat(timespec="seconds"))
        for line in page.lines:
            self._rtl += 1 if line.direction == "rtl" else -1
            if line.engine.name:
                reading = self._readings.setdefault((page.run_id, line.engine), _Reading(page))
                reading.chars += len(line.text)
                reading.confidence += len(line.text) * (line.confidence or 0.0)

    def xmp(self) -> bytes:
        """The packet, UTF-8."""
        title = RDF.li(fit(self.title))
        title.set(_XML_LANG, "x-default")
        description = RDF.Description(
            PDFAID.part("2"),
            PDFAID.conformance("U"),
            DC.format("application/pdf"),
            DC.title(RDF.Alt(title)),
            DC.source(f"sha256:{self.doc_id}"),
            XMP.CreatorTool(SOFTWARE),
            XMP.CreateDate(self.created_at),
            PDF.Producer(SOFTWARE),
            MM.DocumentID(f"sha256:{self.doc_id}"),
            MM.History(RDF.Seq(*(_event(run, engine, r) for (run, engine), r in self._readings.items()))),
        )
        description.set(f"{{{_NAMES['rdf']}}}about", "")
        packet = etree.tostring(X.xmpmeta(RDF.RDF(description)), encoding="unicode", pretty_print=True)
        return (_BEGIN + packet + _END).encode()


def _event(run: str, engine: EngineStamp, reading: _Reading) -> etree._Element:
    parameters = [f"run={run}"]
    if engine.weights_sha256:
        parameters.append(f"weights_sha256={engine.weights_sha256}")
    if reading.chars:
        parameters.append(f"confidence={reading.confidence / reading.chars:.4f}")
    event = RDF.li(
        EVENT.action("text recognition"),
        EVENT.softwareAgent(f"{describe(engine)} (Warraq {reading.page.warraq_version})".replace(" )", ")")),
        EVENT.when(reading.page.created_at.isoformat(timespec="seconds")),
        EVENT.parameters("; ".join(parameters)),
    )
    event.set(f"{{{_NAMES['rdf']}}}parseType", "Resource")
    return event
