"""Pages that lie on their side or head, and writing up the margin: exports lie on the ink of the image as it is stored."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from ocr_core import records as r
from ocr_core.exports.turned import turn_of, turned_box, turned_points
from ocr_core.library import Library
from tests.conftest import ROOT
from tests.exports.make import document, export_to, line, plain, published, sample_page, true_page

TURNS = (0, 90, 180, 270)
Boxes = list[tuple[str, r.Box]]


@pytest.fixture(scope="module")
def turned_library(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """One printed page in four files: as it was scanned, and lying so that it has to be turned by 90, 180 and 270."""
    root = tmp_path_factory.mktemp("turned")
    with Image.open(samples / "print" / "dracula_page_51.png") as scan:
        pixels = np.asarray(scan.convert("L"))
    height, width = pixels.shape
    pages, documents = [], []
    for turn in TURNS:
        path = root / f"{turn}.png"
        Image.fromarray(np.rot90(pixels, turn // 90)).save(path)
        file = document(path, root)
        upright = sample_page(file.page(1), ROOT / "samples" / "ground_truth" / "dracula_page_51.xml")
        # Back to the corner of the image, after the turn about the upright one's.
        away = turned_box(r.Box(0, 0, width, height), -turn)
        lines = tuple(
            replace(
                found, line=replace(found.line, polygon=_moved(found.line.polygon, -turn, away),
                                    baseline=_moved(found.line.baseline, -turn, away))
            )
            for found in upright.lines
        )  # fmt: skip
        pages.append(replace(upright, lines=lines, width=away.width, height=away.height, rotation=turn))
        documents.append(file)
    return published(root / "library", *pages, documents=documents)


def _moved(points: tuple[r.Point, ...], turn: int, away: r.Box) -> tuple[r.Point, ...]:
    return tuple((x - away.x0, y - away.y0) for x, y in turned_points(points, turn))


def _words(path: Path) -> Boxes:
    """Words and their boxes, from ALTO, PAGE or hOCR."""
    found = []
    for element in etree.parse(path).iter("{*}String", "{*}Word", "{*}span"):
        if element.tag.endswith("String"):
            x, y, w, h = (int(element.get(k)) for k in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
            found.append((element.get("CONTENT"), r.Box(x, y, x + w, y + h)))
        elif element.tag.endswith("Word"):
            points = element.find("{*}Coords").get("points").split()
            corners = tuple((int(x), int(y)) for x, y in (point.split(",") for point in points))
            found.append((element.findtext("{*}TextEquiv/{*}Unicode"), r.Box.around(corners)))
        elif "ocrx_word" in element.get("class"):
            box = re.match(r"bbox (\d+) (\d+) (\d+) (\d+)", element.get("title"))
            found.append((element.text, r.Box(*map(int, box.groups()))))
    return found


def _back(boxes: Boxes, turn: int, size: tuple[int, int]) -> Iterator[tuple[str, r.Box]]:
    """Boxes of a page `size` (width, height) as they lie once it stands upright."""
    origin = turned_box(r.Box(0, 0, *size), turn)
    for word, box in boxes:
        b = turned_box(box, turn)
        yield word, r.Box(b.x0 - origin.x0, b.y0 - origin.y0, b.x1 - origin.x0, b.y1 - origin.y0)


@pytest.mark.parametrize("format_", ["alto", "page", "hocr"])
def test_words_lie_where_they_lie_on_the_upright_page(
    format_: str, turned_library: Library, tmp_path: Path
) -> None:
    export_to(turned_library, format_, tmp_path)
    files = {
        int(path.stem): path for path in tmp_path.rglob("*.*") if path.suffix in (".xml", ".hocr", ".html")
    }
    upright = _words(files[0])
    assert len(upright) > 200
    for turn in TURNS[1:]:
        with Image.open(turned_library.root.parent / f"{turn}.png") as image:
            back = list(_back(_words(files[turn]), turn, image.size))
        assert [word for word, _ in back] == [word for word, _ in upright]
        for (_, one), (_, other) in zip(back, upright, strict=True):
            assert np.abs(np.subtract(_sides(one), _sides(other))).max() <= 1


def _sides(box: r.Box) -> tuple[int, int, int, int]:
    return box.x0, box.y0, box.x1, box.y1


@pytest.mark.parametrize("turn", TURNS)
def test_words_of_the_pdf_lie_on_ink_and_are_copied_whole(
    turn: int, turned_library: Library, tmp_path: Path
) -> None:
    export_to(turned_library, "pdf", tmp_path)
    path = next(tmp_path.rglob(f"{turn}.pdf"))
    command = ["pdftotext", "-bbox", str(path), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = re.search(r'page width="([\d.]+)" height="([\d.]+)"', text)
    assert page
    ink = _ink(turned_library.root.parent / f"{turn}.png")
    across, down = ink.shape[1] / float(page[1]), ink.shape[0] / float(page[2])
    words = re.findall(
        r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*)</word>', text
    )
    inked = []
    for x0, y0, x1, y1 in (map(float, word[:4]) for word in words):
        place = ink[
            max(0, round(y0 * down)) : round(y1 * down), max(0, round(x0 * across)) : round(x1 * across)
        ]
        inked.append(place.size > 0 and place.mean() > 0.05)
    truth = true_page(ROOT / "samples" / "ground_truth" / "dracula_page_51.xml")
    wanted = " ".join(plain(found) for found in truth.lines).split()
    assert Counter(unescape(word[4]) for word in words) == Counter(wanted)
    assert np.mean(inked) > 0.97  # but for dashes and full stops


def _ink(path: Path) -> NDArray[np.bool_]:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) < 128


def test_formats_say_how_a_line_up_the_margin_is_turned(samples: Path, tmp_path: Path) -> None:
    file = document(samples / "print" / "dracula_page_51.png", samples)
    level = line(
        file.page(1).page_id,
        0,
        "level",
        ((100, 100), (300, 100), (300, 130), (100, 130)),
        ((100, 125), (300, 125)),
    )
    up = line(
        file.page(1).page_id,
        1,
        "up it goes",
        ((20, 100), (50, 100), (50, 400), (20, 400)),
        ((45, 400), (45, 100)),
    )
    page = sample_page(file.page(1), ROOT / "samples" / "ground_truth" / "dracula_page_51.xml")
    library = published(tmp_path / "library", replace(page, lines=(level, up)), documents=[file])
    said = {}
    for format_, pattern in (
        ("alto", r'ROTATION="(\d+)"'), ("page", r'orientation="(-?\d+)"'),
        ("hocr", r"textangle (\d+)"), ("tei", r'rotate="(\d+)"'), ("jsonl", r'"turn": ?([1-9]\d*)'),
    ):  # fmt: skip
        export_to(library, format_, tmp_path / format_)
        [path] = [p for p in (tmp_path / format_).rglob("*") if p.is_file() and p.suffix != ".jpg"]
        said[format_] = re.findall(pattern, path.read_text("utf-8"))
    assert said == {"alto": ["90"], "page": ["90"], "hocr": ["90"], "tei": ["270"], "jsonl": ["90"]}
    first, _, last = _words(next((tmp_path / "alto").rglob("*.xml")))[1:]
    assert first[1].y0 > last[1].y1 and first[1].x0 >= 20 and first[1].x1 <= 51


def test_the_way_a_baseline_runs_tells_the_turn() -> None:
    level, mirrored = ((0, 50), (90, 55)), ((90, 50), (0, 50))
    assert [turn_of(level, 0), turn_of(((9, 90), (5, 0)), 0), turn_of(((5, 0), (9, 90)), 0)] == [0, 90, 270]
    assert [turn_of(mirrored, 180), turn_of(mirrored, 0), turn_of((), 180)] == [180, 0, 180]


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_back_undoes_a_turn(turn: int) -> None:
    box = r.Box(3, 5, 40, 9)
    assert turned_box(turned_box(box, turn), -turn) == box
    around = r.Box.around(turned_points(((3, 5), (39, 8)), turn))
    assert around == turned_box(box, turn)
