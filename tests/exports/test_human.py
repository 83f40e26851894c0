"""Lines that people have written, exported as ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocr_core.errors import NothingToDo
from ocr_core.exports import Selection
from ocr_core.ground_truth.pages import read_page
from ocr_core.library import Library
from tests.exports.make import export_to, page_of, published
from tests.library.make import document


@pytest.fixture
def library(tmp_path: Path) -> Library:
    letter, other = document("letter.png"), document("other.png")
    pages = [page_of(d.page(1), ["one", "two words", "tree", "four"]) for d in (letter, other)]
    return published(tmp_path / "library", *pages, documents=[letter, other])


def write(library: Library, place: int, text: str, **values: Any) -> None:
    line = library.page("letter.png#1").lines[place]
    row = line | {"text": text, "transcriber": "Ada", "status": "text", "origin": "correction"} | values
    library.append("w-1", "ground_truth", [row])


def test_only_what_people_wrote_is_exported_as_they_wrote_it(library: Library, tmp_path: Path) -> None:
    write(library, 2, "wrong")
    write(library, 2, "three <trees>")
    write(library, 0, "", status="illegible")
    write(library, 3, "elsewhere", y0=900, y1=940)  # another line has its number today
    export_to(library, "page", tmp_path / "out", Selection(human="corrections"))
    [path] = (tmp_path / "out").rglob("*.xml")
    assert path.name == "letter.xml"
    [line] = read_page(path).lines
    assert line.text == "three <trees>"
    assert line.polygon[0].tolist() == [100, 120]
    content = path.read_text("utf-8")
    assert "human" in content and "Ada" in content and "reader" not in content


def test_a_line_that_was_taken_back_is_not_exported(library: Library, tmp_path: Path) -> None:
    write(library, 2, "three")
    write(library, 1, "two")
    write(library, 1, "", status="empty")
    export_to(library, "txt", tmp_path / "out", Selection(human="corrections"))
    assert [p.read_text("utf-8") for p in (tmp_path / "out").rglob("*.txt")] == ["three\n"]


def test_nothing_written_is_told(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="Nobody has written"):
        export_to(library, "page", tmp_path / "out", Selection(human="corrections"))


def test_lines_of_an_audit_are_not_trained_on(library: Library, tmp_path: Path) -> None:
    write(library, 0, "for the audit", origin="audit", audit_id="a-1")
    write(library, 1, "corrected, and drawn")
    write(library, 2, "three")
    line = library.page("letter.png#1").lines[1]
    library.append("d-1", "samples", [line | {"audit_id": "a-1", "number": 1}])
    for which, texts in (("corrections", "three\n"), ("all", "for the audit\ncorrected, and drawn\nthree\n")):
        export_to(library, "txt", tmp_path / which, Selection(human=which))  # type: ignore[arg-type]
        assert [p.read_text("utf-8") for p in (tmp_path / which).rglob("*.txt")] == [texts]


def test_everything_is_exported_as_people_corrected_it(library: Library, tmp_path: Path) -> None:
    write(library, 2, "three")
    write(library, 1, "", status="empty")
    write(library, 0, "", status="illegible")
    write(library, 3, "for the audit", origin="audit", audit_id="a-1")
    for which, texts in (
        ("", ["one", "", "three", "for the audit"]),
        ("none", ["one", "two words", "tree", "four"]),
    ):
        chosen = Selection(documents=("letter.png",), human=which)  # type: ignore[arg-type]
        export_to(library, "jsonl", tmp_path / f"out{which}", chosen)
        [path] = (tmp_path / f"out{which}").iterdir()
        lines = json.loads(path.read_text("utf-8"))["lines"]
        assert [line["text"] for line in lines] == texts
    export_to(library, "page", tmp_path / "page", Selection(documents=("letter.png",)))
    [path] = (tmp_path / "page").rglob("*.xml")
    content = path.read_text("utf-8")
    assert "human" in content and "Ada" in content and "reader" in content
