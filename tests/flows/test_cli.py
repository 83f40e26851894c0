"""The command line: its words, its exit codes, what goes to which stream."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from flows.cli import _run_command, cli
from ocr_core.library import Library
from ocr_core.records import (
    Document,
    EngineStamp,
    Failure,
    Line,
    LineResult,
    PageResult,
    Script,
    SourceFile,
    Stage,
    Status,
    Transcript,
    line_id,
)
from tests.conftest import PATIENCE_S, ROOT

Start = Callable[..., subprocess.Popen[str]]


def run(start: Start, *arguments: str | Path) -> tuple[int, str, str]:
    process = start(*arguments)
    out, messages = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, messages


def commands(group: click.Command = cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        return [path]
    return [found for name, command in group.commands.items() for found in commands(command, (*path, name))]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one English line, one failed file and one page that waits."""
    root = tmp_path_factory.mktemp("cli")
    library = Library.create(root / "library")
    sources = [SourceFile(root / name, root, name) for name in ("a.jpg", "b.jpg")]
    documents = [Document(char * 64, s, "image/jpeg", 1, 10) for char, s in zip("ab", sources, strict=True)]

    def result(
        document: Document, text: str | None, script: Script, status: Status, reason: str = ""
    ) -> PageResult:
        page = document.page(1)
        line = Line(line_id(page.page_id, 0), 0, ((0, 0), (90, 0), (90, 20), (0, 20)), ((0, 15), (90, 15)))
        stamp = EngineStamp("crnn-latin", "1", "ff")
        transcript = Transcript(line.line_id, text, 0.9, stamp) if text is not None else None
        lines = (LineResult(line, script, transcript),)
        return PageResult(page, 100, 100, 300.0, "image", 0, 0.0, script, status, lines, "f1", reason)

    library.publish(
        "r1",
        "letters",
        documents=documents,
        results=[
            result(documents[0], "Dear Sir, the orchids <script> arrived", Script.LATIN, Status.DONE),
            result(documents[1], None, Script.ARABIC, Status.PENDING, "No engine for Arabic."),
        ],
        failures=[Failure("c.jpg", Stage.DISCOVER, "empty", "The file is empty.", "Copy it again.")],
    )
    return library.root


def test_the_environment_may_name_the_library(library: Path) -> None:
    named = {
        path: option.envvar
        for path in commands()
        for option in reached(path).params
        if option.name == "library"
    }
    assert len(named) > 10
    assert set(named.values()) == {"WARRAQ_LIBRARY"}
    answer = CliRunner().invoke(cli, ["status", "--json"], env={"WARRAQ_LIBRARY": str(library)})
    assert json.loads(answer.stdout)["collections"]


def reached(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


@pytest.mark.parametrize("path", [(), *commands()], ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...], start: Start) -> None:
    code, out, _ = run(start, *path, "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_option_has_help(path: tuple[str, ...]) -> None:
    assert [o.opts for o in reached(path).params if isinstance(o, click.Option) and not o.help] == []


@pytest.mark.parametrize("group", [(), ("audit",), ("models",), ("train",)], ids=" ".join)
def test_a_group_lists_each_of_its_commands_once_and_whole(group: tuple[str, ...], start: Start) -> None:
    _, out, _ = run(start, *group, "--help")
    listed = re.findall(r"^  ([a-z-]+) +[A-Z]", out.partition("--help")[2], re.MULTILINE)
    assert sorted(listed) == sorted({path[len(group)] for path in commands() if path[: len(group)] == group})
    assert "..." not in out.partition("\n")[2]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    assert f"warraq {' '.join(path)}" in (ROOT / "README.md").read_text("utf-8")


def test_help_does_not_load_the_heavy_libraries() -> None:
    heavy = ("torch", "prefect", "cv2", "duckdb", "pyarrow", "numpy", "pydantic")
    code = f"import sys, flows.cli; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run"], 1),
        (["run", "x", "--library", "y", "--arabic", "klingon"], 1),
        (["run", ".", "--library", "LIB", "--pages", "3-1"], 1),
        (["run", "EMPTY", "--library", "LIB"], 2),
        (["run", ".", "--library", "LIB", "--arabic", "vlm"], 3),
        (["run", ".", "--library", "LIB", "--vlm", "pixels=3"], 1),
        (["run", ".", "--library", "LIB", "--vlm", "line"], 1),
        (["run", ".", "--library", "LIB", "--english", "nobody"], 1),
        (["run", ".", "--library", "LIB", "--collection", "a/b"], 1),
        (["run", ".", "--library", "LIB", "--device", "tpu"], 1),
        (["sql", "--library", "LIBRARY", "SELECT 1", "--timeout", "-1"], 1),
        (["run", ".", "--library", "LIB", "--english", "trocr"], 3),
        (["models", "pull", "nobody"], 1),
        (["run", ".", "--library", "FILE", "--dry-run"], 5),
        (["run", "EMPTY", "--library", "FILE/below"], 5),
        (["status", "--library", "MISSING"], 5),
        (["dismiss", "--library", "LIBRARY", "--reason", "x"], 1),
        (["dismiss", "--library", "LIBRARY", "--reason", "x", "nowhere.jpg"], 1),
        (["sql", "--library", "LIBRARY", "DROP TABLE lines"], 1),
        (["sql", "--library", "LIBRARY", "SELECT 1"], 0),
        (["search", "--library", "LIBRARY", "nowhere"], 0),
        (["show", "--library", "LIBRARY", "zzzz"], 1),
    ],
)
def test_exit_codes(arguments: list[str], code: int, start: Start, library: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {"LIBRARY": library, "LIB": tmp_path / "new", "MISSING": tmp_path / "missing", "EMPTY": empty}
    places["FILE"] = tmp_path / "file"
    places["FILE"].touch()
    places["FILE/below"] = places["FILE"] / "below"
    found, _, messages = run(start, *(places.get(argument, argument) for argument in arguments))
    assert found == code, messages
    assert "Traceback" not in messages


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--device", "tpu"], "device: 'tpu' is no device; write auto, cpu, cuda or cuda:N."),
        (["--pages", "3-1"], "pages: '3-1' is no page range: pages count from 1, low to high."),
        (["--vlm", "pixels=3"], "vlm.pixels: there is no such setting."),
        (["--collection", ""], "Not a name for a collection: ''"),
    ],
)
def test_settings_that_do_not_work_are_said_in_plain_words(
    options: list[str], says: str, start: Start, tmp_path: Path
) -> None:
    _, _, messages = run(start, "run", ".", "--library", tmp_path / "new", *options)
    assert says in messages


def test_search_and_show_answer_on_stdout(library: Path, start: Start) -> None:
    code, out, messages = run(start, "search", "--library", library, "orch*")
    assert (code, messages) == (0, "")
    assert out.startswith("a.jpg#1:1\t")
    assert "orchids" in out
    code, out, _ = run(start, "search", "--library", library, "--json", '"dear sir"')
    hit: dict[str, Any] = json.loads(out)
    assert (hit["source_path"], hit["page_number"]) == ("a.jpg", 1)
    code, out, _ = run(start, "show", "--library", library, "a.jpg#1")
    assert out == "Dear Sir, the orchids <script> arrived\n"


@pytest.mark.parametrize(
    ("format_", "begins"), [("csv", b"n\n"), ("json", b"["), ("parquet", b"PAR1"), ("table", b"n")]
)
def test_sql_formats(format_: str, begins: bytes, library: Path) -> None:
    command = [sys.executable, "-m", "flows", "sql", "--library", str(library), "--format", format_]
    query = "SELECT count(*) AS n FROM lines"
    answer = subprocess.run([*command, query], cwd=ROOT, capture_output=True, check=True)
    assert answer.stdout.startswith(begins), answer.stdout


def test_status_tells_what_waits_and_what_failed(library: Path, start: Start) -> None:
    code, out, _ = run(start, "status", "--library", library)
    assert code == 0
    assert "pending: 1 page. No engine for Arabic." in out
    assert "c.jpg (empty): The file is empty. Copy it again." in out
    code, out, _ = run(start, "status", "--library", library, "--json")
    [row] = json.loads(out)["collections"]
    assert (row["pages"], row["done"], row["pending"], row["failed"], row["lines"]) == (3, 1, 1, 1, 2)


def test_a_dry_run_writes_nothing(samples: Path, start: Start, tmp_path: Path) -> None:
    code, out, _ = run(start, "run", samples, "--library", tmp_path / "library", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["pages_to_do"] == 13
    assert not (tmp_path / "library").exists()


def test_a_dry_run_ends_as_the_run_would_for_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    command = ["run", str(tmp_path), "--library", str(tmp_path / "library"), "--dry-run"]
    answer = CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)
    assert answer.return_value == 10
    assert answer.stdout.startswith("empty.jpg\tcannot be read\tThe file is empty. ")
    assert answer.stderr == "0 pages to do, 0 already in the library, 1 file that cannot be read.\n"
    answer = CliRunner().invoke(cli, [*command, "--json"], standalone_mode=False, catch_exceptions=False)
    assert answer.return_value == 10
    [failure] = json.loads(answer.stdout)["failures"]
    assert (failure["source_path"], failure["message"]) == ("empty.jpg", "The file is empty.")


def test_a_dry_run_names_files_with_the_same_bytes(samples: Path, start: Start, tmp_path: Path) -> None:
    page = sorted((samples / "letters").glob("*.jpg"))[0]
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(page, tmp_path / name)
    code, out, _ = run(start, "run", tmp_path, "--library", tmp_path / "library", "--dry-run")
    assert (code, out) == (0, "a.jpg\timage/jpeg\t1 page\nb.jpg\tsame as\ta.jpg\n")


def test_output_into_a_closed_pipe_is_no_error(library: Path) -> None:
    query = "SELECT * FROM range(100000)"
    command = f"{sys.executable} -m flows sql --library {library} --format csv '{query}' | head -1"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stdout == "range\n"
    assert answer.stderr == ""


@pytest.mark.parametrize(
    "asked", ["status", "search the", "sql 'SELECT 1'", "export --format txt"], ids=lambda a: a.split()[0]
)
def test_output_that_nobody_takes(asked: str, library: Path) -> None:
    command = f"{sys.executable} -m flows {asked} --library {library}"
    closed = subprocess.run(["bash", "-c", f"{command} >&-"], cwd=ROOT, capture_output=True, text=True)
    assert (closed.returncode, "Error" in closed.stderr) == (0, False), closed.stderr
    full = subprocess.run(["bash", "-c", f"{command} >/dev/full"], cwd=ROOT, capture_output=True, text=True)
    assert (full.returncode, "Error: No space left on device.\n" in full.stderr) == (5, True), full.stderr


def test_an_error_that_an_interrupt_caused_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def struck(**_: object) -> int:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("Task run is not set")

    monkeypatch.setattr("flows.cli.cli", struck)
    assert _run_command() == 130
    monkeypatch.setattr("flows.cli.cli", lambda **_: int("no number"))
    assert _run_command() == 15
