"""ALTO, PAGE and hOCR: valid for any text, and read back they are the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from ocr_core.exports import Selection
from ocr_core.exports.model import ExportPage
from ocr_core.exports.select import Selected
from ocr_core.ground_truth.pages import read_page
from ocr_core.library import Library
from ocr_core.records import Box, Word
from tests.exports.make import FIT, export_to, line, points, published, result
from tests.library.make import document as invented

SCHEMAS = Path(__file__).parent / "schemas"
ALTO = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}
PAGE = {"p": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}
XHTML = {"h": "http://www.w3.org/1999/xhtml"}


class _Local(etree.Resolver):
    def resolve(self, url: str, _: str, context: object) -> object:
        return (
            self.resolve_filename(str(SCHEMAS / "xlink.xsd"), context) if url.endswith("xlink.xsd") else None
        )


@pytest.fixture(scope="module", params=["alto-4-3", "page-2019-07-15"])
def schema(request: pytest.FixtureRequest) -> tuple[str, etree.XMLSchema]:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    name: str = request.param
    return name.split("-")[0], etree.XMLSchema(etree.parse(SCHEMAS / f"{name}.xsd", parser))


def pages_of(library: Library) -> list[ExportPage]:
    with Selected(library, Selection()) as selected:
        return list(selected)


def files_by_page(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.xml"))


def test_hostile_and_empty_pages_are_valid(
    schema: tuple[str, etree.XMLSchema], hostile: Library, tmp_path: Path
) -> None:
    format_, rules = schema
    assert export_to(hostile, format_, tmp_path).files == 3
    for path in files_by_page(tmp_path):
        rules.assertValid(etree.parse(path))


def test_samples_are_valid_and_come_back_the_same(
    schema: tuple[str, etree.XMLSchema], read_samples: Library, tmp_path: Path
) -> None:
    format_, rules = schema
    export_to(read_samples, format_, tmp_path)
    found = {path.stem: path for path in files_by_page(tmp_path)}
    pages = pages_of(read_samples)
    assert len(found) == len(pages) == 3
    for page in pages:
        path = found[Path(page.source_path).stem]
        rules.assertValid(etree.parse(path))
        again = read_page(path)
        assert again.size == (page.width, page.height)
        assert [(t.text, points(t.polygon), points(t.baseline)) for t in again.lines] == [
            (line.text, line.polygon, line.baseline) for line in page.lines
        ]
        assert [t.name for t in again.lines] == ["l" + line.line_id for line in page.lines]


@pytest.mark.parametrize("format_", ["alto", "page"])
def test_hostile_text_comes_back_as_far_as_xml_holds_it(
    format_: str, hostile: Library, tmp_path: Path
) -> None:
    export_to(hostile, format_, tmp_path)
    for path in files_by_page(tmp_path)[:2]:
        assert [" ".join(line.text.split()) for line in read_page(path).lines] == FIT


def test_words_of_the_engine_keep_their_boxes_and_others_say_whose_they_are(tmp_path: Path) -> None:
    source = invented("a.png")
    page = source.page(1)
    around = ((10, 10), (300, 10), (300, 50), (10, 50))
    words = (Word("Dear", Box(-4, 8, 90, 60), 0.25), Word("Sir", Box(95, 12, 150, 48), 0.5))
    library = published(
        tmp_path / "l",
        result(
            page,
            [
                line(page.page_id, 0, "Dear Sir", around, words=words),
                line(page.page_id, 1, "Dear Madam", around, words=words),  # words of another text
                line(page.page_id, 2, None, around),
            ],
            size=(310, 55),
        ),
        documents=[source],
    )
    export_to(library, "alto", tmp_path / "alto")
    [path] = files_by_page(tmp_path / "alto")
    strings = etree.parse(path).findall(".//a:String", ALTO)
    place = [tuple(int(s.get(k)) for k in ("HPOS", "VPOS", "WIDTH", "HEIGHT")) for s in strings]
    assert place[:2] == [(0, 8, 90, 47), (95, 12, 55, 36)]  # cut at the edge of the page
    assert [s.get("TAGREFS") for s in strings] == [None, None, "box-divided", "box-divided", None]
    assert [s.get("WC") for s in strings] == ["0.2500", "0.5000", "0.8750", "0.8750", None]
    export_to(library, "page", tmp_path / "page")
    [path] = files_by_page(tmp_path / "page")
    found = etree.parse(path).findall(".//p:Word", PAGE)
    assert [w.get("comments", "") for w in found] == ["", ""] + 2 * ["box divided off from the line's"]


def test_provenance_is_where_each_format_has_it(read_samples: Library, tmp_path: Path) -> None:
    for format_ in ("alto", "page", "hocr"):
        export_to(read_samples, format_, tmp_path / format_)
    alto = etree.parse(next((tmp_path / "alto").rglob("JDH*")))
    [step] = alto.findall(".//a:Processing", ALTO)
    assert step.findtext(".//a:softwareName", None, ALTO) == "reader"
    assert step.findtext(".//a:softwareVersion", None, ALTO) == "2.1"
    assert step.findtext("a:processingStepSettings", None, ALTO) == f"run=run-1 weights_sha256={'ab' * 32}"
    assert {t.get("PROCESSINGREFS") for t in alto.iterfind(".//a:TextLine", ALTO)} == {step.get("ID")}
    page = etree.parse(next((tmp_path / "page").rglob("JDH*")))
    labels = {e.get("type"): e.get("value") for e in page.iterfind(".//p:Label", PAGE)}
    assert (labels["run"], labels["version"], labels["weights_sha256"]) == ("run-1", "2.1", "ab" * 32)
    text = page.find(".//p:TextLine/p:TextEquiv", PAGE)
    assert (text.get("conf"), text.get("comments")) == ("0.8750", "reader 2.1")
    hocr = etree.parse(next((tmp_path / "hocr").rglob("JDH*")))
    meta = {m.get("name"): m.get("content") for m in hocr.iterfind(".//h:meta", XHTML)}
    assert meta["ocr-system"].endswith("(reader 2.1)") and meta["warraq-run"] == "run-1"


def test_the_original_is_named_by_its_path_from_the_file(read_samples: Library, tmp_path: Path) -> None:
    export_to(read_samples, "page", tmp_path)
    for path in files_by_page(tmp_path):
        named = etree.parse(path).find("p:Page", PAGE).get("imageFilename")
        assert not named.startswith("/") and (path.parent / named).is_file()


def test_hocr_holds_every_word_and_nothing_runs(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "hocr", tmp_path)
    for path in sorted(tmp_path.rglob("*.hocr"))[:2]:
        raw = path.read_text("utf-8")
        assert "<script" not in raw
        lines = etree.fromstring(raw.encode()).iterfind(".//h:span[@class='ocr_line']", XHTML)
        assert [" ".join("".join(line.itertext()).split()) for line in lines] == FIT
        # An HTML reader, which knows no `<span/>`, must see the same.
        html = etree.fromstring(raw.encode(), etree.HTMLParser(encoding="utf-8"))
        assert len(html.findall(".//body/div[@class='ocr_page']/div/p/span")) == len(FIT)


def test_hocr_baseline_is_slope_and_offset(tmp_path: Path) -> None:
    source = invented("a.png")
    page = source.page(1)
    made = line(page.page_id, 0, "a", ((0, 0), (199, 0), (199, 59), (0, 59)), ((0, 30), (100, 40), (199, 50)))
    library = published(tmp_path / "l", result(page, [made], size=(300, 100)), documents=[source])
    export_to(library, "hocr", tmp_path / "o")
    title = etree.parse(next((tmp_path / "o").rglob("*.hocr"))).find(".//h:span", XHTML).get("title")
    assert "; baseline 0.1005 -30;" in title  # 30 at x = 0, the box ends at 60
