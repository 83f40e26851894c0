"""Archives to digitise and a command line to do it with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import ROOT

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Letters = Callable[[Path, int], Path]


@pytest.fixture(scope="session")
def letters(samples: Path) -> Letters:
    """Makes a folder of N small pages: different cuts of real letters, so that every page has other lines."""

    def make(folder: Path, count: int) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        pages = sorted((samples / "letters").glob("*.jpg"))
        for i in range(count):
            with Image.open(pages[i % len(pages)]) as page:
                top = 150 + 100 * (i // len(pages))
                page.crop((0, top, page.width, top + 620)).save(folder / f"letter_{i + 1}.jpg", quality=90)
        return folder

    return make


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    """A client of the tests' Prefect server."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def start(prefect_home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command line as a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        environment = {**os.environ, "PREFECT_HOME": str(prefect_home)}
        for name in ("PREFECT_API_URL", "PREFECT_PROFILES_PATH", "PREFECT_API_DATABASE_CONNECTION_URL"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
