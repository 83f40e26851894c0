"""Every line of the ground truth comes to be measured, or is named."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.audit.evaluation.lines import MeasuredLine, lines_to_measure
from ocr_core.errors import UsageError

PICTURE = np.full((20, 60), 200, np.uint8)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()
OUTLINE = "10,10 90,10 90,40 10,40"


def page(*lines: tuple[str, str, str]) -> str:
    """A PAGE file of an image of 100 × 50 pixels: id, text and points of each line."""
    body = "".join(
        f'<TextLine id="{name}"><Coords points="{points}"/><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>'
        for name, text, points in lines
    )
    return (
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
        f'<Page imageFilename="a.png" imageWidth="100" imageHeight="50"><TextRegion>{body}</TextRegion></Page></PcGts>'
    )


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.xml").write_text(
        page(("good", " Dear\u00a0Sir ", OUTLINE), ("flat", "text", "1,1 1,1 2,2")), "utf-8"
    )
    (folder / "b.xml").write_text(page(), "utf-8")
    cv2.imwrite(str(folder / "a.png"), np.full((50, 100), 230, np.uint8))
    return folder


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    folder = tmp_path / "lines"
    folder.mkdir()
    for name, text in (("p_1", "one"), ("p_2", " \u200f "), ("q_1", "lost")):
        (folder / f"{name}.gt.txt").write_text(text, "utf-8")
        (folder / f"{name}.png").write_bytes(PNG if name != "q_1" else PNG[:40])
    (folder / "q_2.gt.txt").write_text("bare", "utf-8")
    return folder


def seen(*places: Path, only: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Page, line, and text or reason."""
    return [
        (i.page, i.line, i.text if isinstance(i, MeasuredLine) else f"! {i.reason}")
        for i in lines_to_measure(places, only)[0]
    ]


def test_lines_of_pages(pages: Path) -> None:
    found = [("a", "flat", "! no outline"), ("a", "good", "Dear Sir"), ("b", "", "! no lines")]
    assert seen(pages)[:3] == found
    assert seen(pages / "a.xml") == found[:2]
    assert seen(pages, only=("a",)) == found[:2]
    assert lines_to_measure([pages])[1] == 2


def test_outlines_beyond_the_image_are_cut_at_its_edge(pages: Path) -> None:
    far = "-500,-500 -400,-500 -400,-400"
    (pages / "a.xml").write_text(page(("far", "x", far), ("half", "y", "10,10 900,10 900,40 10,40")), "utf-8")
    (first, second), _ = lines_to_measure([pages / "a.xml"])
    assert isinstance(first, MeasuredLine)
    assert isinstance(second, MeasuredLine)
    assert second.picture.pixels.shape[1] == pytest.approx(90, abs=10)


def test_lines_that_are_pictures(lines: Path, tmp_path: Path) -> None:
    assert seen(lines) == [
        ("p", "p_1", "one"),
        ("p", "p_2", "! no text"),
        ("q", "q_1", "! its picture cannot be read"),
        ("q", "q_2", "! no picture"),
    ]
    assert [line for _, line, _ in seen(lines, only=("q*",))] == ["q_1", "q_2"]
    (one, *_), total = lines_to_measure([lines])
    assert isinstance(one, MeasuredLine)
    np.testing.assert_array_equal(one.picture.pixels, PICTURE)
    assert total is None
    pq.write_table(pa.Table.from_pylist([{"image": PNG, "text": "two"}]), tmp_path / "l.parquet")
    assert seen(tmp_path / "l.parquet") == seen(tmp_path) == [("l-1", "row 1", "two")]


def test_places_of_several_kinds_are_told_apart(pages: Path, lines: Path) -> None:
    assert {page for page, *_ in seen(lines, pages)} == {"a", "b", "lines/p", "lines/q"}


def test_places_that_are_not_there(tmp_path: Path) -> None:
    assert seen(tmp_path) == []
    for name in ("none", "none.xml", "none.parquet"):
        with pytest.raises(UsageError, match=name):
            seen(tmp_path / name)
