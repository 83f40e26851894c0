"""`warraq export`: what goes where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from flows.cli import cli
from flows.commands.export import export as command
from ocr_core.errors import LibraryError, UsageError, WarraqError
from ocr_core.exports import FORMATS
from ocr_core.library import Library
from tests.conftest import ROOT
from tests.exports.make import document, page_of, published
from tests.library.make import document as invented


@pytest.fixture(scope="module")
def library(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A letter that is there, and a page whose scan has changed since."""
    root = tmp_path_factory.mktemp("export")
    letter = document(samples / "letters" / "JDH_2_16_144_001.jpg", samples)
    lost = root / "lost.jpg"
    lost.write_bytes((samples / "letters" / "JDH_2_16_144_002.jpg").read_bytes())
    changed = document(lost, root)
    lost.write_bytes((samples / "letters" / "JDH_2_16_145_001.jpg").read_bytes())
    return published(
        root / "library",
        page_of(letter.page(1), ["Dear Sir", "\x1b[31mred"], size=(1423, 2151)),
        page_of(changed.page(1), ["Yours"], size=(1448, 2152)),
        documents=[letter, changed],
    )


def run(library: Library, *arguments: str | Path) -> Result:
    command_line = ["export", "--library", str(library.root), *map(str, arguments)]
    return CliRunner().invoke(cli, command_line, standalone_mode=False)


def test_every_format_of_the_library_can_be_chosen() -> None:
    [choice] = [option.type for option in command.params if option.name == "format_"]
    assert set(choice.choices) == set(FORMATS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("format_", sorted(FORMATS))
def test_every_format_into_a_folder(format_: str, library: Library, tmp_path: Path) -> None:
    found = run(library, "--format", format_, "--output", f"{tmp_path}/out/", "--no-images")
    assert found.stdout == ""
    assert "2 pages of 2 documents, 3 lines" in found.stderr
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == (1 if format_ in ("csv", "jsonl") else 2)
    # Only a PDF needs the scan, and one of them is not what it was.
    assert found.return_value == (10 if format_ == "pdf" else 0)
    if format_ == "pdf":
        assert "lost.jpg#1: " in found.stderr and "lost.jpg has changed since it was read." in found.stderr


def test_a_stream_is_all_of_standard_output(library: Library) -> None:
    arguments = [sys.executable, "-m", "flows", "export", "--library", str(library.root), "--format", "jsonl"]
    answer = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True)
    pages = [json.loads(page) for page in answer.stdout.splitlines()]
    assert [page["source_path"] for page in pages] == ["letters/JDH_2_16_144_001.jpg", "lost.jpg"]
    assert b"2 pages of 2 documents" in answer.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    source = invented("a.pdf", 40)
    pages = [page_of(source.page(n), ["many words on a line"] * 20) for n in range(1, 41)]
    library = published(tmp_path / "library", *pages, documents=[source])
    command = f"{sys.executable} -m flows export --library {library.root} --format jsonl | head -c 10"
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, check=True
    )
    assert piped.stdout == b'{"page_id"'
    assert b"Error" not in piped.stderr


def test_one_page_goes_to_standard_output_or_into_a_file(library: Library, tmp_path: Path) -> None:
    one = ("--document", "lost.jpg", "--format", "alto")
    found = run(library, *one)
    assert found.return_value == 0
    assert etree.fromstring(found.stdout_bytes).tag.endswith("}alto")
    assert run(library, *one, "--output", tmp_path / "one.xml").return_value == 0
    assert (tmp_path / "one.xml").read_bytes().startswith(b"<?xml")


def test_images_are_copied_beside_the_files(library: Library, tmp_path: Path) -> None:
    one = ("--document", "letters/JDH_2_16_144_001.jpg", "--format", "page", "--images")
    assert run(library, *one, "--output", tmp_path).return_value == 0
    folder = tmp_path / "letters" / "letters"
    assert {path.name for path in folder.iterdir()} == {"JDH_2_16_144_001.xml", "JDH_2_16_144_001.jpg"}
    page = etree.parse(folder / "JDH_2_16_144_001.xml").find("{*}Page")
    assert page.get("imageFilename") == "JDH_2_16_144_001.jpg"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--format", "alto"], UsageError),
        (["--format", "txt", "--pages", "3-1"], UsageError),
        (["--format", "txt", "--images"], UsageError),
        (["--format", "txt", "--collection", "nowhere"], UsageError),
        (["--format", "txt", "--document", "nowhere.jpg"], UsageError),
        (["--format", "txt", "--output", "/proc/nowhere/out.txt"], LibraryError),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], error: type[WarraqError], library: Library
) -> None:
    found = run(library, *arguments)
    assert isinstance(found.exception, error), found.exception
    assert found.exception.remedy
