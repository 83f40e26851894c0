"""Text, tables, TEI and IIIF."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import etree
from PIL import Image

from ocr_core.config import PageRange
from ocr_core.exports import Options, Selection
from ocr_core.library import Library
from tests.exports.make import FIT, HOSTILE_NAME, export_to, page_of, published
from tests.library.make import document as invented
from tests.library.make import failure

TEI = {"t": "http://www.tei-c.org/ns/1.0"}
XML = "{http://www.w3.org/XML/1998/namespace}"


def folded(text: str) -> str:
    return " ".join(text.split())


def test_text_is_a_line_a_line_and_pages_are_parted(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "txt", tmp_path)
    [path] = tmp_path.rglob("*.txt")
    first, second, third = path.read_bytes().decode().split("\f")
    assert [folded(line) for line in first.split("\n")] == [*FIT, ""]
    assert second == first and third == ""


def test_json_lines_are_pages_with_their_words(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "jsonl", tmp_path)
    pages = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_bytes().splitlines()]
    assert [page["page_number"] for page in pages] == [1, 2, 3]
    assert [folded(line["text"]) for line in pages[1]["lines"]] == FIT
    assert [" ".join(w["text"] for w in line["words"]) for line in pages[0]["lines"]] == FIT
    line = pages[0]["lines"][0]
    assert (line["box"], line["engine"], line["confidence"]) == ([100, 20, 900, 60], "reader", 0.875)
    assert line["words"][0]["box_from"] == "line"
    assert pages[0]["run_id"] == "run-1"


def test_csv_is_a_row_a_line_and_no_formula(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "csv", tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "pages.csv").read_bytes().decode(), newline="")))
    assert len(rows) == 2 * len(FIT)
    texts = [folded(row["text"]) for row in rows[: len(FIT)]]
    assert texts == [f"'{t}" if t.startswith("=") else t for t in FIT]
    assert rows[0]["source_path"] == HOSTILE_NAME


def test_tei_lines_point_at_zones_and_engines(hostile: Library, tmp_path: Path) -> None:
    export_to(hostile, "tei", tmp_path)
    [path] = tmp_path.rglob("*.xml")
    root = etree.parse(path).getroot()
    ids = [e.get(XML + "id") for e in root.iter("{*}*") if e.get(XML + "id")]
    assert len(ids) == len(set(ids))
    starts = root.findall(".//t:lb", TEI)
    assert len(starts) == 2 * len(FIT)
    pointers = [e.get("facs")[1:] for e in [*starts, *root.iterfind(".//t:pb", TEI)]]
    assert set(pointers) <= set(ids) and len(set(pointers)) == len(pointers)
    assert {start.get("resp")[1:] for start in starts} == {
        root.find(".//t:application[2]", TEI).get(XML + "id")
    }
    assert {start.get("cert") for start in starts} == {"0.8750"}
    assert [folded(start.tail) for start in starts[: len(FIT)]] == FIT
    assert len(root.findall("t:facsimile/t:surface", TEI)) == 3
    zone = root.find(".//t:zone", TEI)
    assert re.fullmatch(r"(-?\d+,-?\d+ ){2,}-?\d+,-?\d+", zone.get("points"))
    assert root.findtext(".//t:change", None, TEI) == "Run run-1"


def test_iiif_canvases_have_images_and_annotations(read_samples: Library, tmp_path: Path) -> None:
    summary = export_to(
        read_samples, "iiif", tmp_path, options=Options(base_url="https://archive.example/w/")
    )
    assert (summary.files, summary.problem_count) == (3, 0)
    for path in tmp_path.rglob("*.json"):
        manifest = json.loads(path.read_bytes())
        assert manifest["@context"][-1] == "http://iiif.io/api/presentation/3/context.json"
        ids = re.findall(r'"id":"([^"]*)"', path.read_text("utf-8"))
        assert len(ids) == len(set(ids)) and all(
            i.startswith("https://archive.example/w/letters/") for i in ids
        )
        assert path == tmp_path / unquote(urlsplit(manifest["id"]).path).removeprefix("/w/")
        [canvas] = manifest["items"]
        [painting] = canvas["items"][0]["items"]
        with Image.open(
            tmp_path / unquote(urlsplit(painting["body"]["id"]).path).removeprefix("/w/")
        ) as image:
            assert image.size == (canvas["width"], canvas["height"])
        assert painting["target"] == canvas["id"]
        [annotations] = canvas["annotations"]
        for annotation in annotations["items"]:
            x, y, w, h = map(int, annotation["target"].removeprefix(canvas["id"] + "#xywh=").split(","))
            assert x >= 0 and y >= 0 and x + w <= canvas["width"] and y + h <= canvas["height"]
            assert (annotation["generator"]["name"], annotation["confidence"]) == ("reader 2.1", 0.875)
    arabic = json.loads(next(tmp_path.rglob("synthetic*.json")).read_bytes())
    assert arabic["viewingDirection"] == "right-to-left"


def test_hostile_iiif_is_json_and_lacks_only_the_image(hostile: Library, tmp_path: Path) -> None:
    summary = export_to(hostile, "iiif", tmp_path)
    assert (summary.files, summary.problem_count) == (1, 3)
    assert "no longer there" in summary.problems[0][1]
    [path] = tmp_path.rglob("*.json")
    first = json.loads(path.read_bytes())["items"][0]
    values = [a["body"]["value"] for a in first["annotations"][0]["items"]]
    assert [folded(value) for value in values] == [t for t in FIT if t]


@pytest.mark.parametrize("by", ["path", "id"])
def test_selection(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "id":
        monkeypatch.setattr("ocr_core.exports.select.BY_PATH_UP_TO", 0)
    thick, thin, other = invented("b.pdf", 5), invented("a.png"), invented("c.png")
    library = published(
        tmp_path / "l",
        *(page_of(thick.page(n), [f"thick {n}"]) for n in (1, 2, 4, 5)),
        page_of(thin.page(1), ["thin"]),
        documents=[thick, thin],
    )
    library.publish("run-2", "others", documents=[other], results=[page_of(other.page(1), ["other"])])

    def texts(**chosen: object) -> list[str]:
        export_to(library, "jsonl", tmp_path, Selection(**chosen))  # type: ignore[arg-type]
        pages = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_bytes().splitlines()]
        return [line["text"] for page in pages for line in page["lines"]]

    everything = ["thin", "thick 1", "thick 2", "thick 4", "thick 5", "other"]
    assert texts() == everything if by == "path" else sorted(texts()) == sorted(everything)
    assert texts(collection="others") == ["other"]
    assert texts(documents=("b.pdf",)) == ["thick 1", "thick 2", "thick 4", "thick 5"]
    assert texts(documents=(thin.doc_id[:6],)) == ["thin"]
    assert texts(documents=("b.pdf",), pages=PageRange("2-4")) == ["thick 2", "thick 4"]
    assert sorted(texts(documents=("a.png", "c.png"))) == ["other", "thin"]


def test_only_the_newest_result_of_a_page_is_exported(tmp_path: Path) -> None:
    source = invented("a.png")
    library = published(tmp_path / "l", page_of(source.page(1), ["old", "lines"]), documents=[source])
    library.publish("run-2", "letters", results=[page_of(source.page(1), ["new"])])
    export_to(library, "txt", tmp_path / "out")
    assert (tmp_path / "out" / "letters" / "a.txt").read_text() == "new\n"


def test_documents_of_one_stem_get_files_of_their_own(tmp_path: Path) -> None:
    sources = [
        invented("a.png"),
        invented("A.tif"),
        invented("a.png", root="/other", salt="2"),
        invented("b.png"),
    ]
    pages = [page_of(source.page(1), [source.doc_id]) for source in sources]
    library = published(tmp_path / "l", *pages, documents=sources)
    export_to(library, "txt", tmp_path / "out", Selection(documents=("a.png", "b.png", "A.tif")))
    written = {path.name: path.read_text().strip() for path in (tmp_path / "out").rglob("*.txt")}
    assert written == {f"{d.source.path.stem}~{d.doc_id[:8]}.txt": d.doc_id for d in sources[:3]} | {
        "b.txt": sources[3].doc_id
    }


def test_what_waits_and_what_failed_is_counted(tmp_path: Path) -> None:
    source = invented("a.pdf", 3)
    library = published(
        tmp_path / "l",
        page_of(source.page(1), ["read", None]),
        page_of(source.page(2), []),
        documents=[source],
    )
    library.publish(
        "run-2", "letters", failures=[failure("a.pdf", source.page(n)) for n in (2, 3)] + [failure("b.pdf")]
    )
    summary = export_to(library, "txt", tmp_path / "out")
    assert (summary.pages, summary.waiting, summary.failed) == (2, 1, 2)  # page 2 has its older result
    only = export_to(library, "txt", tmp_path / "out", Selection(documents=("a.pdf",), pages=PageRange("1")))
    assert (only.pages, only.failed) == (1, 0)
