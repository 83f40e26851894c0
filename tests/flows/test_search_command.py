"""`warraq search`: its words, its streams, the pictures of lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from flows.cli import cli
from ocr_core.library import Library
from ocr_core.records import Document, SourceFile
from ocr_core.search.index.files import FOLDER
from ocr_core.sources import identify
from tests.library.make import result


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two pages whose scans are there: every row of the picture has the grey of its height."""
    library = Library.create(tmp_path / "library")
    grey = np.repeat(np.arange(1400, dtype=np.uint16)[:, None] // 6, 1000, axis=1).astype(np.uint8)
    for name, lines in (("a", ["Kew Gardens", "a rose"]), ("b", ["Kew roses"])):
        path = tmp_path / "scans" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(grey if name == "a" else grey[::-1]).save(path)
        document = identify(SourceFile(path, path.parent, path.name))
        assert isinstance(document, Document)
        library.publish("r1", "letters", documents=[document], results=[result(document.page(1), *lines)])
    return library.root


def search(library: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["search", "--library", str(library), *arguments], standalone_mode=False, catch_exceptions=False
    )


def test_hits_tell_place_collection_score_and_line(library: Path) -> None:
    answer = search(library, "kew", "roses")
    place, collection, score, text = answer.stdout.rstrip("\n").split("\t")
    assert (place, collection, text) == ("b.png#1:1", "letters", "Kew roses")
    assert float(score) > 0
    assert (answer.return_value, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        (["kew", "-roses"], ["a.png#1:1"]),
        (["-roses", "kew"], ["a.png#1:1"]),
        (["-roses", "--limit", "1", "kew"], ["a.png#1:1"]),
        (["kew -garden*"], ["b.png#1:1"]),
        (["rose", "OR", "gardens", "-collection:books"], ["a.png#1:1", "a.png#1:2"]),
        (["gardems"], ["a.png#1:1"]),
        (["--exact", "gardems"], []),
    ],
)
def test_queries(library: Path, arguments: list[str], places: list[str]) -> None:
    answer = search(library, *arguments)
    assert answer.return_value == 0
    assert sorted(line.split("\t")[0] for line in answer.stdout.splitlines()) == places


def test_close_hits_are_told_from_exact_ones(library: Path) -> None:
    answer = search(library, "gardems")
    assert answer.stdout.split("\t")[2].endswith("~1")
    assert "close" in answer.stderr
    assert "Nothing was found" in search(library, "--exact", "gardems").stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["kew:bar"], 'no filter "kew:": looked for as words. The filters are collection:,'),
        (["kew", "collection:leters"], "No collection is named leters. There are: letters."),
        (["kew", "--collection", "leters"], "No collection is named leters. There are: letters."),
        (["kew", "collection:let*", "collection:books*"], ""),
        (["kew", "-collection:books"], ""),
        (["kew:roses"], ""),
    ],
)
def test_what_may_be_why_nothing_was_found_is_told(library: Path, arguments: list[str], told: str) -> None:
    answer = search(library, *arguments)
    assert answer.return_value == 0
    assert told in answer.stderr
    assert bool(told) == (answer.stdout == "")
    assert told or not answer.stderr


def test_lines_that_people_have_written_are_told_from_readings(library: Path) -> None:
    opened = Library.open(library)
    line = opened.page("b.png#1").lines[0]
    row = line | {"text": "Kew rose beds", "transcriber": "Ada", "status": "text", "origin": "correction"}
    opened.append("w-1", "ground_truth", [row])
    place, _, score, text = search(library, "beds").stdout.rstrip("\n").split("\t")
    assert (place, score.split()[1], text) == ("b.png#1:1", "human", "Kew rose beds")
    assert json.loads(search(library, "beds", "--json").stdout)["transcriber"] == "Ada"
    shown = CliRunner().invoke(cli, ["show", "--library", str(library), "b.png#1"], standalone_mode=False)
    assert shown.stdout == "Kew rose beds\n"
    assert "1 line, 1 written by people" in shown.stderr
    shown = CliRunner().invoke(
        cli, ["show", "--library", str(library), "--json", "b.png#1"], standalone_mode=False
    )
    page = json.loads(shown.stdout)
    assert [page[name][0]["text"] for name in ("lines", "written")] == ["Kew roses", "Kew rose beds"]


def test_reindex(library: Path) -> None:
    answer = search(library, "--reindex")
    assert (answer.stdout, answer.return_value) == ("", 0)
    assert answer.stderr.startswith("3 lines indexed in ")
    segments = {path.name for path in (library / FOLDER).iterdir()}
    assert search(library, "--reindex", "gardens").stdout.startswith("a.png#1:1\t")
    assert not segments & {path.name for path in (library / FOLDER).glob("segment-*")}


def test_crops_are_the_lines_on_the_scans(library: Path, tmp_path: Path) -> None:
    answer = search(library, "rose OR gardens", "--crops", str(tmp_path / "crops"), "--json")
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert answer.return_value == 0
    assert {row["text"] for row in rows} == {"Kew Gardens", "a rose"}
    for row in rows:
        picture = np.asarray(Image.open(row["crop"]).convert("L"))
        box = row["box"]
        margin = (picture.shape[0] - (box["y1"] - box["y0"])) // 2
        assert 0 < margin < 20
        assert picture.shape[1] == box["x1"] - box["x0"] + 2 * margin
        assert picture[0, 0] == (box["y0"] - margin) // 6


def test_a_scan_that_is_gone_leaves_the_hits(library: Path, tmp_path: Path) -> None:
    (tmp_path / "scans" / "a.png").unlink()
    answer = search(library, "kew", "--crops", str(tmp_path / "crops"))
    assert answer.return_value == 5
    assert "a.png is no longer there" in answer.stderr
    assert sorted(line.count("\t") for line in answer.stdout.splitlines()) == [3, 4]
    assert len(list((tmp_path / "crops").iterdir())) == 1


@pytest.mark.parametrize(
    "arguments", [[], ["-kew"], ["kew", "OR"], ["conf>8", "kew"], ["kew", "scirpt:latin"]]
)
def test_bad_questions(library: Path, arguments: list[str]) -> None:
    from ocr_core.errors import UsageError

    with pytest.raises(UsageError):
        search(library, *arguments)
