"""Searchable PDF: what poppler and PDFium find, copy and paint, and what PDF/A asks for."""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import tracemalloc
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from lxml import etree
from PIL import Image, ImageCms

from ocr_core.exports import Selection
from ocr_core.exports.context import Context
from ocr_core.exports.formats.pdf import glyphless
from ocr_core.exports.formats.pdf.document import write
from ocr_core.exports.formats.pdf.glyphless import WIDTH, GlyphlessFont, build
from ocr_core.exports.formats.pdf.hidden_text import painted
from ocr_core.exports.pictures import Pictures
from ocr_core.exports.select import Selected
from ocr_core.library import Library
from ocr_core.records import Box, PageImage, Word
from ocr_core.sources import read_pages
from tests.conftest import ROOT
from tests.exports.make import (
    FIT,
    HOSTILE_NAME,
    document,
    export_to,
    line,
    page_of,
    plain,
    published,
    result,
    true_page,
)
from tests.library.make import document as invented

_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORBIDDEN = {
    *("/JS", "/Action", "/AA", "/OpenAction", "/EF", "/OPI", "/Alternates", "/Interpolate"),
    *("/FFilter", "/FDecodeParms", "/TR", "/HTP", "/NeedsRendering"),
}
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


@pytest.fixture(scope="module")
def pdfs(read_samples: Library, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exported samples by the name of their source."""
    folder = tmp_path_factory.mktemp("pdf")
    assert export_to(read_samples, "pdf", folder).problem_count == 0
    return {path.stem: path for path in folder.rglob("*.pdf")}


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in _BIDI.sub("", text).splitlines() if line.strip()]


def poppler(path: Path, *options: str) -> str:
    command = ["pdftotext", *options, str(path), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pdfium(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as pdf:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf)


def truth_of(name: str) -> list[str]:
    return [plain(t) for t in true_page(ROOT / "samples" / "ground_truth" / f"{name}.xml").lines]


@pytest.mark.parametrize("name", ["synthetic-arithmetic", "dracula_page_51"])
def test_both_readers_copy_every_line_in_order(name: str, pdfs: dict[str, Path]) -> None:
    truth = truth_of(name)
    assert lines_of(poppler(pdfs[name])) == truth
    assert lines_of(pdfium(pdfs[name])) == truth


def test_a_sloping_hand_is_copied_word_for_word(pdfs: dict[str, Path]) -> None:
    """Lines cross each other there, so readers may part them; their words and the words' letters stay."""
    path, words = pdfs["JDH_2_16_144_001"], " ".join(truth_of("JDH_2_16_144_001")).split()
    for text in (poppler(path), pdfium(path)):
        found = text.split()
        assert sum(word in found for word in words) >= 0.97 * len(words)


@pytest.mark.parametrize("name", ["synthetic-arithmetic", "dracula_page_51"])
def test_every_word_is_found_where_it_stands(name: str, pdfs: dict[str, Path]) -> None:
    truth = true_page(ROOT / "samples" / "ground_truth" / f"{name}.xml")
    assert truth.size is not None
    with pypdfium2.PdfDocument(pdfs[name]) as pdf:
        page = pdf[0]
        text, (width, height) = page.get_textpage(), page.get_size()
        for wanted in truth.lines[::5]:
            ys = [y for _, y in wanted.polygon]
            top, bottom = height * (1 - min(ys) / truth.size[1]), height * (1 - max(ys) / truth.size[1])
            for word in plain(wanted).split():
                search, places = text.search(word, match_whole_word=False), []
                while (found := search.get_next()) is not None:
                    left, low, right, high = text.get_charbox(found[0], loose=True)
                    places.append((low + high) / 2)
                    assert 0 <= left < right <= width
                assert any(bottom - 2 < y < top + 2 for y in places), word


def test_the_page_is_painted_as_it_was_scanned(pdfs: dict[str, Path], samples: Path) -> None:
    with Image.open(samples / "letters" / "JDH_2_16_144_001.jpg") as scan:
        wanted = np.asarray(scan.convert("RGB"), dtype=np.int16)
    with pypdfium2.PdfDocument(pdfs["JDH_2_16_144_001"]) as pdf:
        page = pdf[0]
        painted_page = page.render(scale=wanted.shape[1] / page.get_width(), rev_byteorder=True).to_numpy()
    assert abs(painted_page.shape[0] - wanted.shape[0]) <= 1
    rows = min(len(painted_page), len(wanted))
    assert np.abs(painted_page[:rows, : wanted.shape[1], :3] - wanted[:rows]).mean() < 3


def test_a_jpeg_is_kept_byte_for_byte(pdfs: dict[str, Path], samples: Path) -> None:
    with pikepdf.open(pdfs["JDH_2_16_144_001"]) as pdf:
        [image] = pdf.pages[0].images.values()
        assert image.read_raw_bytes() == (samples / "letters" / "JDH_2_16_144_001.jpg").read_bytes()


def test_warraq_reads_its_own_pdf(pdfs: dict[str, Path]) -> None:
    """But for the order of vowel signs: there poppler's positions leave open whose sign it is."""
    path = pdfs["synthetic-arithmetic"]
    [page] = read_pages([document(path, path.parent).page(1)])
    assert isinstance(page, PageImage)
    bare = [_without_signs(found.text) for found in page.text_layer]
    assert bare == [_without_signs(text) for text in truth_of("synthetic-arithmetic")]


def _without_signs(text: str) -> str:
    return "".join(char for char in text if not unicodedata.combining(char))


def test_what_pdf_a_2u_asks_for(pdfs: dict[str, Path]) -> None:
    """ISO 19005-2: header and id (6.1), output intent (6.2.3), fonts (6.2.11), nothing that acts (6.5), metadata (6.6);
    see also the checks below."""
    for path in pdfs.values():
        head = path.read_bytes()[:20].split(b"\n")
        assert head[0] == b"%PDF-1.7" and head[1][:1] == b"%" and all(byte > 127 for byte in head[1][1:5])
        with pikepdf.open(path) as pdf:
            assert pdf.check_pdf_syntax() == [] and not pdf.is_encrypted and "/ID" in pdf.trailer
            [intent] = pdf.Root.OutputIntents
            assert intent.S == "/GTS_PDFA1"
            profile = ImageCms.ImageCmsProfile(io.BytesIO(intent.DestOutputProfile.read_bytes())).profile
            assert (profile.device_class.strip(), profile.xcolor_space.strip(), intent.DestOutputProfile.N) == (
                "mntr", "RGB", 3,
            )  # fmt: skip
            assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & set(pdf.Root.keys())
            for page in pdf.pages:
                assert not {"/AA", "/Annots", "/Group"} & set(page.keys())
                assert all(3 <= side <= 14_400 for side in page.MediaBox[2:])
                _check_font(page.Resources.Font.F)
                _check_content(page)
            _check_xmp(pdf)
        _check_file(path)


def _check_file(path: Path) -> None:
    """Of the file as a whole: end and trailer (6.1.3), objects (6.1.6 to 6.1.13), images (6.2.8), nothing that acts (6.5),
    no files (6.8)."""
    data = path.read_bytes()
    assert data.rstrip(b"\r\n").endswith(b"%%EOF") and data.count(b"%%EOF") == 1
    with pikepdf.open(path) as pdf:
        first, second = pdf.trailer.ID
        assert len(bytes(first)) == len(bytes(second)) == 16 and "/Encrypt" not in pdf.trailer
        for thing in pdf.objects:
            held = thing if isinstance(thing, (pikepdf.Dictionary, pikepdf.Stream)) else {}
            names = set(held.keys())
            assert not _FORBIDDEN & names
            assert all(len(key.encode()) <= 128 for key in names)
            if isinstance(thing, pikepdf.Stream):
                filters = {str(thing.get("/Filter", "/FlateDecode"))}
                assert filters <= {"/FlateDecode", "/DCTDecode"} and "/F" not in thing
            if held and held.get("/Subtype") == "/Image":
                with Image.open(io.BytesIO(thing.read_raw_bytes())) as image:
                    colours = {"L": "/DeviceGray", "RGB": "/DeviceRGB"}[image.mode]
                    assert (image.width, image.height) == (thing.Width, thing.Height)
                assert thing.ColorSpace == colours and thing.BitsPerComponent == 8


def _check_content(page: pikepdf.Page) -> None:
    """Of a page's content (6.2.2, 6.1.13): operators that the standard knows, resources that are there, hidden text whose
    every code has its character."""
    mapped = re.findall(rb"<([0-9A-F]{4})> <[0-9A-F]+>\n", page.Resources.Font.F.ToUnicode.read_bytes())
    codes = {int(code, 16) for code in mapped} - {0}
    depth, mode = 0, 0
    for operands, operator in pikepdf.parse_content_stream(page):
        match str(operator):
            case "q" | "Q" as step:
                depth += 1 if step == "q" else -1
                assert 0 <= depth <= 28
            case "Tr":
                mode = int(operands[0])
            case "Tf":
                assert str(operands[0]) in page.Resources.Font
            case "Do":
                assert str(operands[0]) in page.Resources.XObject
            case "Tj":
                shown = bytes(operands[0])
                assert mode == 3 and 0 < len(shown) <= 32_767 and len(shown) % 2 == 0
                assert {int.from_bytes(shown[i : i + 2], "big") for i in range(0, len(shown), 2)} <= codes
            case other:
                assert other in {"BT", "ET", "Tz", "Tm", "cm"}
    assert depth == 0


def _check_font(font: pikepdf.Object) -> None:
    [cid_font] = font.DescendantFonts
    program = TTFont(io.BytesIO(cid_font.FontDescriptor.FontFile2.read_bytes()))
    assert font.BaseFont == cid_font.BaseFont == cid_font.FontDescriptor.FontName
    glyphs = cid_font.CIDToGIDMap.read_bytes()
    mapped = dict(re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", font.ToUnicode.read_bytes()))
    assert mapped.pop(b"0000") == b"FFFF"  # the range of codes
    assert len(glyphs) == 2 * (len(mapped) + 1) and set(glyphs[3::2]) <= {1}
    widths = {program["hmtx"][name][0] for name in program.getGlyphOrder()}
    assert widths == {cid_font.DW} == {WIDTH} and program["head"].unitsPerEm == 1000
    for value in mapped.values():
        char = bytes.fromhex(value.decode()).decode("utf-16-be")  # no half of a surrogate pair
        assert len(char) == 1 and char not in "\0\ufeff\ufffe"


def _check_xmp(pdf: pikepdf.Pdf) -> None:
    stream = pdf.Root.Metadata
    assert (stream.Type, stream.Subtype) == ("/Metadata", "/XML") and "/Filter" not in stream
    assert set(pdf.docinfo.keys()) == {"/Title", "/Producer"}
    with pdf.open_metadata() as meta:
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "U")
        assert meta["dc:title"] == str(pdf.docinfo.Title)
        assert meta["pdf:Producer"] == str(pdf.docinfo.Producer)
    raw = stream.read_bytes()
    assert raw.startswith(b"<?xpacket begin=") and b'encoding="' not in raw
    event = etree.fromstring(raw).find(f".//{_RDF}li[@{_RDF}parseType]")
    facts = {etree.QName(child).localname: child.text for child in event}
    assert facts["softwareAgent"].startswith("reader 2.1") and facts["action"] == "text recognition"
    assert facts["parameters"] == f"run=run-1; weights_sha256={'ab' * 32}; confidence=0.8750"


def test_the_packaged_font_is_what_build_makes() -> None:
    ours, made = (TTFont(io.BytesIO(data)) for data in (glyphless._FILE.read_bytes(), build()))
    assert ours.getGlyphOrder() == made.getGlyphOrder()
    for table in ("hmtx", "glyf", "hhea", "maxp", "cmap"):
        assert ours[table].compile(ours) == made[table].compile(made)


def test_codes_are_given_once() -> None:
    font = GlyphlessFont()
    assert font.encode("aab") == b"\0\1\0\1\0\2"
    assert font.encode("b") == b"\0\2"
    for code in range(0x10000, 0x10000 + 70_000):
        font.encode(chr(code))
    assert font.encode("z") == font.encode("\ufffd") != b""


@pytest.mark.parametrize(
    ("word", "seen"),
    [("كتاب", "باتك"), ("Hooker", "Hooker"), ("سنة1890", "1890ةنس"), ("١٨٩٠م", "م١٨٩٠"), ("12:30", "12:30")],
)  # fmt: skip
def test_letters_as_they_are_painted(word: str, seen: str) -> None:
    assert painted(word) == seen


def test_touching_words_and_words_of_one_letter_stay_apart(tmp_path: Path) -> None:
    source = invented("a.png")
    page = source.page(1)
    texts = ["I", "saw", "a", "man"]
    words = [Word(text, Box(100 + 40 * i, 100, 140 + 40 * i, 140), 0.5) for i, text in enumerate(texts)]
    shape = ((100, 100), (259, 100), (259, 139), (100, 139))
    made = line(page.page_id, 0, "I saw a man", shape, ((100, 130), (259, 130)), words=words)
    library = published(tmp_path / "l", result(page, [made], size=(400, 200)), documents=[source])
    summary = export_to(library, "pdf", tmp_path)
    assert (summary.files, summary.problem_count) == (1, 1)  # the image is nowhere; the text is kept
    [path] = tmp_path.rglob("*.pdf")
    assert lines_of(poppler(path)) == lines_of(pdfium(path)) == ["I saw a man"]


def test_hostile_text_makes_a_sound_file(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "pdf", tmp_path)
    [path] = tmp_path.rglob("*.pdf")
    with pikepdf.open(path) as pdf:
        assert pdf.check_pdf_syntax() == [] and len(pdf.pages) == 3
        _check_font(pdf.pages[0].Resources.Font.F)
        for page in pdf.pages:
            _check_content(page)
        assert str(pdf.docinfo.Title) == HOSTILE_NAME.replace("\x07", "�")
    _check_file(path)
    found = pdfium(path).split()
    assert "<script>alert(1)</script>" in found and "w" * 3000 in found
    assert {"plain", "words", "كتب", "😀"} <= set(found) and FIT[0] == "plain words"


def test_a_thick_document_keeps_its_pages_in_order(tmp_path: Path) -> None:
    numbers = range(1, 301)  # more than one node of the page tree holds
    source = invented("thick.pdf", len(numbers))
    pages = [page_of(source.page(n), [f"sheet number{n}"]) for n in numbers]
    library = published(tmp_path / "l", *pages, documents=[source])
    export_to(library, "pdf", tmp_path, Selection(documents=("thick.pdf",)))
    [path] = tmp_path.rglob("*.pdf")
    assert poppler(path).split() == [word for n in numbers for word in ("sheet", f"number{n}")]


def test_a_thick_document_needs_no_more_memory_or_open_files(tmp_path: Path) -> None:
    """The limit of open files is one for every forty pages."""
    scan = tmp_path / "in" / "scan.jpg"
    scan.parent.mkdir()
    Image.new("L", (100, 140), 200).save(scan)
    source = document(scan, scan.parent)
    library = published(tmp_path / "l", page_of(source.page(1), ["few words"], size=(100, 140)))
    with Selected(library, Selection()) as selected:
        [page] = selected
    problems: list[str] = []

    def peak(pages: int) -> int:
        """Bytes while a document of so many pages is written."""
        context = Context(tmp_path, PurePosixPath("-"), Pictures(), lambda *found: problems.append(found[1]))
        tracemalloc.start()
        with (tmp_path / f"{pages}.pdf").open("wb") as out:
            write(iter([page] * pages), out, context)
            _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    try:
        thin, thick = peak(100), peak(800)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert problems == [] and thick < thin + 200_000
    with pikepdf.open(tmp_path / "800.pdf") as pdf:
        assert pdf.check_pdf_syntax() == [] and len(pdf.pages) == 800
        assert len({page.Resources.Font.F.objgen for page in pdf.pages}) == 1


def test_the_size_of_a_page(tmp_path: Path) -> None:
    sources = [invented("known.png"), invented("unknown.png"), invented("huge.png"), invented("thin.png")]
    cases = [((1000, 1500), 100.0), ((1000, 2000), None), ((30_000, 30_000), 72.0), ((10, 30_000), 300.0)]
    pages = [result(s.page(1), [], size=size, dpi=dpi) for s, (size, dpi) in zip(sources, cases, strict=True)]
    library = published(tmp_path / "l", *pages, documents=sources)
    export_to(library, "pdf", tmp_path)
    sides = {}
    for path in tmp_path.rglob("*.pdf"):
        with pikepdf.open(path) as pdf:
            sides[path.stem] = [float(side) for side in pdf.pages[0].MediaBox[2:]]
    assert sides["known"] == [720, 1080] and sides["unknown"] == [421, 842]
    assert sides["huge"] == [14_400, 14_400]
    assert sides["thin"] == [3, 9000]
