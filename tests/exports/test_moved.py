"""Scans that are no longer where they were read are found where the library has seen their bytes since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from ocr_core.errors import LibraryError
from ocr_core.exports.pictures import Pictures
from ocr_core.exports.select import Selected, Selection
from ocr_core.library import Library
from ocr_core.pipeline.page_pictures import read_again
from tests.conftest import ROOT
from tests.exports.make import document, export_to, published, sample_page

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
    assert Pictures(moved.places).of(exported).data == scan

    assert not export_to(moved, "alto", tmp_path / "out" / "alto").problem_count
    [alto] = (tmp_path / "out" / "alto").rglob("*.xml")
    named = etree.parse(alto).findtext(".//{*}fileName")
    assert named is not None and (alto.parent / named).read_bytes() == scan

    assert not export_to(moved, "iiif", tmp_path / "out" / "iiif").problem_count
    assert [path.read_bytes() for path in (tmp_path / "out" / "iiif").rglob("*.jpg")] == [scan]
    assert json.loads(next((tmp_path / "out" / "iiif").rglob("*.json")).read_bytes())["items"]


def test_a_scan_that_is_nowhere_is_a_problem_with_its_path(moved: Library, tmp_path: Path) -> None:
    (tmp_path / "new" / "box" / "scan 1.jpg").unlink()
    [(name, why)] = export_to(moved, "pdf", tmp_path / "out").problems
    assert name == "letter.jpg#1" and f"{tmp_path}/read/letter.jpg is no longer there" in why
    with pytest.raises(LibraryError, match="no longer there"):
        read_again(moved.page("letter.jpg").page, moved.places)
