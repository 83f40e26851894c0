"""A document is found again by its content, wherever a file with its bytes still is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ocr_core.errors import LibraryError
from ocr_core.records import Document, Failure, SourceFile
from ocr_core.sources import Limits, Place, as_read, identify, open_again
from tests.faults import png_header


@pytest.fixture
def scan(tmp_path: Path) -> Document:
    path = tmp_path / "read" / "box" / "a.png"
    path.parent.mkdir(parents=True)
    Image.new("L", (40, 30), 200).save(path)
    found = identify(SourceFile(path, tmp_path / "read", "box/a.png"))
    assert isinstance(found, Document)
    return found


def never() -> Iterator[Place]:
    raise AssertionError("asked for without need")
    yield


def test_where_it_was_read_comes_first_and_nothing_else_is_asked_for(scan: Document) -> None:
    def places() -> Iterator[Place]:
        yield str(scan.source.root), "box/a.png"
        yield from never()

    assert open_again(scan.doc_id, places()) == scan


def test_another_place_with_its_bytes_serves_as_well(scan: Document, tmp_path: Path) -> None:
    moved = tmp_path / "new" / "a.png"
    moved.parent.mkdir()
    scan.source.path.rename(moved)
    Image.new("L", (40, 30), 100).save(scan.source.path)  # other content at the old place
    places = [(str(tmp_path / "read"), "box/a.png"), (str(tmp_path / "gone"), "a.png")]
    found = open_again(scan.doc_id, [*places, (str(tmp_path / "new"), "a.png")])
    assert (found.source.path, found.doc_id) == (moved, scan.doc_id)
    with pytest.raises(LibraryError, match=r"box/a.png has changed since"):
        open_again(scan.doc_id, places)
    with pytest.raises(LibraryError, match=r"gone/a.png is no longer there"):
        open_again(scan.doc_id, places[1:])


@pytest.mark.parametrize("path", ["../read/box/a.png", "box/../box/a.png", "/etc/hostname"])
def test_paths_that_lead_out_of_the_folder_are_not_opened(path: str, scan: Document, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="leads out"):
        open_again(scan.doc_id, [(str(tmp_path / "read"), path)])


def test_a_page_that_its_run_took_is_not_too_large_to_be_seen_again(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(png_header(20_000, 16_000))
    file = SourceFile(path, tmp_path, "map.png")
    assert isinstance(identify(file), Failure)
    taken = identify(file, Limits(max_pixels=400_000_000))
    assert isinstance(taken, Document)
    assert open_again(taken.doc_id, [(str(tmp_path), "map.png")]) == taken
    assert as_read("image", None, 20_000, 16_000).max_pixels == 320_000_000


@pytest.mark.parametrize("path", ["x" * 5000, "nu\0ll.png"])
def test_names_that_no_disk_can_hold_are_gone(path: str, scan: Document) -> None:
    with pytest.raises(LibraryError, match="no longer there"):
        open_again(scan.doc_id, [("/", path)])
