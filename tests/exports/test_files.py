"""Files are there whole or not at all, and only where they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from ocr_core.errors import LibraryError, NothingToDo, UsageError
from ocr_core.exports import FORMATS, Destination, Selection, export
from ocr_core.exports.context import Context
from ocr_core.exports.formats.register import Format, Unit
from ocr_core.exports.model import ExportPage
from ocr_core.exports.select import Selected
from ocr_core.library import Library
from tests.exports.make import HOSTILE_NAME, export_to, page_of, published
from tests.library.make import document as invented


def everything_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_hostile_paths_stay_below_the_folder(tmp_path: Path) -> None:
    sources = [
        invented(name)
        for name in ("../../up.png", "/abs.png", "a/../../b.png", "x" * 500 + ".png", "\u202e\n.png", "..")
    ]
    library = published(tmp_path / "l", *(page_of(s.page(1), ["t"]) for s in sources), documents=sources)
    for format_ in FORMATS:
        summary = export_to(library, format_, tmp_path / "deep" / "out" / format_)
        wanted = 1 if FORMATS[format_].unit is Unit.ALL else len(sources)
        assert summary.files == wanted == len(everything_below(tmp_path / "deep" / "out" / format_))
    assert {p.name for p in tmp_path.iterdir()} == {"l", "deep"}
    assert {p.name for p in (tmp_path / "deep").iterdir()} == {"out"}


def test_a_broken_off_export_leaves_the_old_file(tmp_path: Path) -> None:
    def breaks(pages: Iterator[ExportPage], out: BinaryIO, context: Context) -> None:
        out.write(b"half")
        raise KeyboardInterrupt

    source = invented("a.png")
    library = published(tmp_path / "l", page_of(source.page(1), ["whole"]), documents=[source])
    export_to(library, "txt", tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        export(library, Format("txt", ".txt", Unit.DOCUMENT, breaks), Destination(folder=tmp_path / "out"))
    assert everything_below(tmp_path / "out") == ["letters/a.txt"]
    assert (tmp_path / "out" / "letters" / "a.txt").read_text() == "whole\n"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    source = invented("sub/a.png")
    library = published(tmp_path / "l", page_of(source.page(1), ["t"]), documents=[source])
    (tmp_path / "out" / "letters").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "letters" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LibraryError, match="leads out"):
        export_to(library, "txt", tmp_path / "out")
    assert everything_below(tmp_path / "elsewhere") == []


def test_a_name_that_is_taken_is_a_problem_of_one_file(tmp_path: Path) -> None:
    sources = [invented("a.png"), invented("b.png")]
    library = published(tmp_path / "l", *(page_of(s.page(1), ["t"]) for s in sources), documents=sources)
    (tmp_path / "out" / "letters" / "a.txt").mkdir(parents=True)
    summary = export_to(library, "txt", tmp_path / "out")
    assert (summary.files, summary.pages, summary.problem_count) == (1, 2, 1)
    assert summary.problems[0][0] == "letters/a.txt"
    assert everything_below(tmp_path / "out") == ["letters/b.txt"]


@pytest.mark.parametrize("format", ["txt", "csv", "alto"])
def test_a_file_where_the_folder_should_be_ends_the_export_before_its_first_page(
    format: str, hostile: Library, tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(LibraryError, match="taken is a file, and a folder is needed there") as raised:
        export_to(hostile, format, tmp_path / "taken" / "out")
    assert "choose another folder" in raised.value.remedy


def test_where_an_output_leads(tmp_path: Path) -> None:
    alto, table = FORMATS["alto"], FORMATS["csv"]
    assert Destination.of("-", alto) == Destination()
    assert Destination.of("new", alto) == Destination(folder=Path("new"))
    assert Destination.of("page.XML", alto) == Destination(file=Path("page.XML"))
    assert Destination.of(str(tmp_path), table) == Destination(folder=tmp_path)
    assert Destination.of("new/", table) == Destination(folder=Path("new"))
    assert Destination.of("lines.tsv", table) == Destination(file=Path("lines.tsv"))


def test_several_files_do_not_go_into_one(hostile: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="3 files"):
        export(hostile, FORMATS["alto"], Destination(file=tmp_path / "a.xml"))
    assert everything_below(tmp_path) == []


def test_files_of_a_slow_export_are_not_deleted_under_it(tmp_path: Path) -> None:
    sources = [invented(f"{name}.png") for name in "abc"]
    library = Library.create(tmp_path / "l")
    for run in ("r1", "r2"):
        for source in sources:
            page = page_of(source.page(1), [f"{run} {source.source.source_path}"])
            library.publish(run, "c", documents=[source], results=[page])
    with Selected(library, Selection()) as selected:
        assert library.compact(grace=timedelta(0)).deleted == 0
        texts = [page.lines[0].text for page in selected]
    assert texts == ["r2 a.png", "r2 b.png", "r2 c.png"]
    assert library.compact(grace=timedelta(0)).deleted > 0


def test_what_nothing_answers_to_is_said(hostile: Library, tmp_path: Path) -> None:
    for chosen in (Selection("nowhere"), Selection(documents=("x.png",)), Selection(documents=("a", "b"))):
        with pytest.raises(UsageError):
            export_to(hostile, "txt", tmp_path, chosen)
    known = HOSTILE_NAME
    with pytest.raises(UsageError, match="missing"):
        export_to(hostile, "txt", tmp_path, Selection(documents=(known, "missing.png")))
    with pytest.raises(NothingToDo):
        export_to(Library.create(tmp_path / "empty"), "txt", tmp_path)
