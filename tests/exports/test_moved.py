"""Scans that are no longer where they were read are found where the library has seen their bytes since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from ocr_core.errors import LibraryError, UsageError
from ocr_core.exports import FORMATS
from ocr_core.exports.pictures import Pictures
from ocr_core.exports.select import Selected, Selection
from ocr_core.library import Library
from ocr_core.pipeline.page_pictures import read_again
from ocr_core.sources import discover, identify_all
from tests.conftest import ROOT
from tests.exports.make import document, export_to, page_of, published, sample_page
from tests.library.make import document as invented

LETTER = "JDH_2_16_144_001"


@pytest.fixture
def moved(samples: Path, tmp_path: Path) -> Library:
    """A library of a scan in `read`, which was then renamed in `new/box` and surveyed there."""
    old, new = tmp_path / "read" / "letter.jpg", tmp_path / "new" / "box" / "scan 1.jpg"
    for place in (old, new):
        place.parent.mkdir(parents=True)
    old.write_bytes((samples / "letters" / f"{LETTER}.jpg").read_bytes())
    read = document(old, tmp_path / "read")
    truth = ROOT / "samples" / "ground_truth" / f"{LETTER}.xml"
    library = published(tmp_path / "library", sample_page(read.page(1), truth), documents=[read])
    old.rename(new)
    library.publish("run-2", "letters", documents=[document(new, tmp_path / "new")])
    return library


def test_places_are_told_newest_first(moved: Library, tmp_path: Path) -> None:
    [found] = moved.documents()
    places = [(str(tmp_path / "new"), "box/scan 1.jpg"), (str(tmp_path / "read"), "letter.jpg")]
    assert moved.places(found.doc_id) == places
    assert moved.places("0" * 64) == []


def test_the_moved_scan_is_shown_linked_and_embedded(moved: Library, samples: Path, tmp_path: Path) -> None:
    scan = (samples / "letters" / f"{LETTER}.jpg").read_bytes()
    page = moved.page("letter.jpg").page
    assert read_again(page, moved.places).shape[:2] == (page["height"], page["width"])
    with Selected(moved, Selection()) as selected:
        [exported] = selected
    assert Pictures().of(exported).data == scan

    assert not export_to(moved, "alto", tmp_path / "out" / "alto").problem_count
    [alto] = (tmp_path / "out" / "alto").rglob("*.xml")
    named = etree.parse(alto).findtext(".//{*}fileName")
    assert named is not None and (alto.parent / named).read_bytes() == scan

    assert not export_to(moved, "iiif", tmp_path / "out" / "iiif").problem_count
    assert [path.read_bytes() for path in (tmp_path / "out" / "iiif").rglob("*.jpg")] == [scan]
    assert json.loads(next((tmp_path / "out" / "iiif").rglob("*.json")).read_bytes())["items"]


def test_every_path_of_a_document_selects_it(moved: Library, samples: Path, tmp_path: Path) -> None:
    """Where it was read, where it is now, and where copies of it lie: the file bears the path of the reading."""
    copy, other = tmp_path / "new" / "copy.jpg", tmp_path / "new" / "other.jpg"
    copy.write_bytes((tmp_path / "new" / "box" / "scan 1.jpg").read_bytes())
    other.write_bytes((samples / "letters" / "JDH_2_16_144_002.jpg").read_bytes())
    found, unlike = identify_all(discover([tmp_path / "new"]).files)[0]
    assert {found.source.source_path, *(c.source_path for c in found.copies)} == {
        "box/scan 1.jpg",
        "copy.jpg",
    }
    moved.publish("run-3", "letters", documents=[found, unlike], results=[page_of(unlike.page(1), ["Yours"])])
    for number, path in enumerate(("letter.jpg", "box/scan 1.jpg", "copy.jpg")):
        out = tmp_path / "out" / str(number)
        assert export_to(moved, "txt", out, Selection(documents=(path,))).pages == 1
        assert [str(file.relative_to(out)) for file in out.rglob("*.txt")] == ["letters/letter.txt"]
    assert (
        export_to(moved, "txt", tmp_path / "out", Selection(documents=("copy.jpg", "other.jpg"))).pages == 2
    )
    with pytest.raises(UsageError, match=r"No page is selected by 'scan 1\.jpg'"):
        export_to(moved, "txt", tmp_path / "out", Selection(documents=("other.jpg", "scan 1.jpg")))


def test_a_scan_that_is_nowhere_is_a_problem_with_its_path(moved: Library, tmp_path: Path) -> None:
    (tmp_path / "new" / "box" / "scan 1.jpg").unlink()
    [(name, why)] = export_to(moved, "pdf", tmp_path / "out").problems
    assert name == "letter.jpg#1" and f"{tmp_path}/read/letter.jpg is no longer there" in why
    with pytest.raises(LibraryError, match="no longer there"):
        read_again(moved.page("letter.jpg").page, moved.places)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_pages_whose_documents_nobody_published_are_exported(format: str, tmp_path: Path) -> None:
    library = published(tmp_path / "library", page_of(invented("gone.jpg").page(1), ["Dear Sir"]))
    summary = export_to(library, format, tmp_path / "out")
    assert summary.files == 1
    assert summary.problems in ([], [("gone.jpg#1", "/in/gone.jpg is no longer there.")])
