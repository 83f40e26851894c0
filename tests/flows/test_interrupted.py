"""Killed at random moments, or run twice at once: the library ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ocr_core.library import Library
from tests.conftest import PATIENCE_S

PAGES = 20
Start = Callable[..., subprocess.Popen[str]]
Letters = Callable[[Path, int], Path]


def content(path: Path) -> list[Any]:
    """Everything of a library that must not depend on how its runs went."""
    if not (path / "warraq.toml").exists():
        return []
    query = "SELECT line_id, x0, y0, x1, y1, script, text, confidence, engine, model_sha256 FROM lines ORDER BY line_id"
    with closing(Library.open(path).connect()) as con:
        return con.execute(query).fetchall()


def pages(path: Path) -> list[Any]:
    if not (path / "warraq.toml").exists():
        return []
    query = "SELECT page_id, status, lines, fingerprint FROM pages ORDER BY page_id"
    with closing(Library.open(path).connect()) as con:
        return con.execute(query).fetchall()


@pytest.fixture(scope="module")
def archive(letters: Letters, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return letters(tmp_path_factory.mktemp("archive"), PAGES)


@pytest.fixture
def undisturbed(archive: Path, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("undisturbed") / "library"
    process = start("run", archive, "--library", library)
    _, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, messages
    assert len(pages(library)) == PAGES
    return library


@pytest.mark.timeout(1200)
def test_killed_and_doubled_runs_end_like_an_undisturbed_one(
    archive: Path, undisturbed: Path, start: Start, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    killed = tmp_path / "killed"
    # At any time of its start, then with one and with two batches published, wherever it is by then.
    for published, delay in (
        (0, chance.uniform(0.5, 9)),
        (1, chance.uniform(0, 1)),
        (9, chance.uniform(0, 1)),
    ):
        process = start("run", archive, "--library", killed)
        while process.poll() is None and published and len(pages(killed)) < published:
            time.sleep(0.05)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        content(killed)  # readable at any moment
    process = start("run", archive, "--library", killed)
    _, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, f"seed {seed}: {messages}"
    assert pages(killed) == pages(undisturbed), f"seed {seed}"
    assert content(killed) == content(undisturbed), f"seed {seed}"

    # Two at once, one of them over half of the archive.
    half = tmp_path / "half"
    half.mkdir()
    for page in sorted(archive.iterdir())[: PAGES // 2]:
        (half / page.name).write_bytes(page.read_bytes())
    both = tmp_path / "both"
    runs = [start("run", source, "--library", both) for source in (archive, half)]
    for process in runs:
        _, messages = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, messages
    assert pages(both) == pages(undisturbed)
    assert content(both) == content(undisturbed)


def test_ctrl_c_keeps_what_was_done(letters: Letters, start: Start, tmp_path: Path) -> None:
    # More pages than are prepared ahead, so that work is left when the run is first seen in the library.
    archive = letters(tmp_path / "in", 40)
    library = tmp_path / "library"
    process = start("run", archive, "--library", library)
    while process.poll() is None and not (library / "_log" / "00000001.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, messages
    assert len(pages(library)) < 40
    assert _runs(library) == [("interrupted",)]


def test_ctrl_c_is_no_trouble_while_the_command_line_starts(start: Start) -> None:
    # Later each time, so that it strikes at many places.
    for delay in range(1, 6):
        process = start("doctor", "--help")
        time.sleep(0.1 * delay)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=PATIENCE_S)
        assert "flows" not in messages


def test_nothing_outlives_a_killed_run(archive: Path, start: Start, tmp_path: Path) -> None:
    run = start("run", archive, "--library", tmp_path / "library")
    family: dict[str, psutil.Process] = {}
    while run.poll() is None and not any("prefect_server" in command for command in family):
        time.sleep(0.02)
        for child in psutil.Process(run.pid).children(recursive=True):
            with suppress(psutil.Error):
                family[" ".join(child.cmdline())] = child
    run.kill()
    # Nobody collects the dead run yet, as under a supervisor that first reads its output to the end.
    _, alive = psutil.wait_procs(family.values(), timeout=PATIENCE_S)
    assert len(family) > 2
    assert not alive
    run.communicate(timeout=PATIENCE_S)


def _runs(library: Path) -> list[Any]:
    with closing(Library.open(library).connect()) as con:
        return con.execute("SELECT state FROM runs").fetchall()
