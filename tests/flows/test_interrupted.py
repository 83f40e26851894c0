"""Killed at random moments, or run twice at once: the library ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ocr_core.library import Library

PAGES = 12
Start = Callable[..., subprocess.Popen[str]]
Letters = Callable[[Path, int], Path]


def content(path: Path) -> list[Any]:
    """Everything of a library that must not depend on how its runs went."""
    query = "SELECT line_id, x0, y0, x1, y1, script, text, confidence, engine, model_sha256 FROM lines ORDER BY line_id"
    with closing(Library.open(path).connect()) as con:
        return con.execute(query).fetchall()


def pages(path: Path) -> list[Any]:
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
    _, messages = process.communicate(timeout=400)
    assert process.returncode == 0, messages
    assert len(pages(library)) == PAGES
    return library


@pytest.mark.timeout(600)
def test_killed_and_doubled_runs_end_like_an_undisturbed_one(
    archive: Path, undisturbed: Path, start: Start, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    killed = tmp_path / "killed"
    for _ in range(3):
        process = start("run", archive, "--library", killed)
        time.sleep(chance.uniform(4, 16))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if killed.exists() and (killed / "warraq.toml").exists():
            content(killed)  # readable at any moment
    process = start("run", archive, "--library", killed)
    _, messages = process.communicate(timeout=400)
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
        _, messages = process.communicate(timeout=400)
        assert process.returncode == 0, messages
    assert pages(both) == pages(undisturbed)
    assert content(both) == content(undisturbed)


def test_ctrl_c_keeps_what_was_done(archive: Path, start: Start, tmp_path: Path) -> None:
    library = tmp_path / "library"
    process = start("run", archive, "--library", library)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (library / "warraq.toml").exists() and pages(library):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.fail("the run ended before it could be interrupted")
    assert process.returncode == 130, messages
    done = len(pages(library))
    assert 0 < done <= PAGES
    [(state,)] = _runs(library)
    assert state == "interrupted"


def _runs(library: Path) -> list[Any]:
    with closing(Library.open(library).connect()) as con:
        return con.execute("SELECT state FROM runs").fetchall()
