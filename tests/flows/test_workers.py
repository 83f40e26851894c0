"""Real workers on a real Prefect server, killed and stopped by signals: nothing is lost, nothing is read twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from PIL import Image

from flows.shards.watched import WatchedReader
from flows.shards.worker import pinned
from ocr_core.config import RunSettings
from ocr_core.library import Library, status
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.shards import DispatchSettings
from tests.conftest import ROOT

PAGES = 24


@pytest.fixture(scope="module")
def archive(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small Arabic pages, each with other lines."""
    folder = tmp_path_factory.mktemp("archive")
    [scan] = (samples / "arabic").glob("*وهران*")
    with Image.open(scan) as page:
        for number in range(PAGES):
            top = 120 + 40 * number
            page.crop((0, top, page.width, top + 500)).save(folder / f"page_{number:02}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def deferred(prefect_server: None, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose pages all wait."""
    from flows.digitize import digitize

    path = tmp_path_factory.mktemp("deferred") / "library"
    account = digitize(RunSettings.model_validate({"sources": [archive], "library": path, "arabic": "defer"}))
    assert account["pending"] == PAGES
    return path


@pytest.fixture(scope="module")
def expected(prefect_server: None, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the same pages say when they are read here."""
    from flows.digitize import digitize

    path = tmp_path_factory.mktemp("expected") / "library"
    digitize(RunSettings.model_validate({"sources": [archive], "library": path}))
    return content(path)


@pytest.fixture
def library(deferred: Path, tmp_path: Path) -> Path:
    """The library at its start, for one test."""
    return Path(shutil.copytree(deferred, tmp_path / "library"))


def content(path: Path) -> list[Any]:
    query = "SELECT line_id, x0, y0, x1, y1, text, engine, model_sha256 FROM lines ORDER BY line_id"
    with closing(Library.open(path).connect()) as con:
        return con.execute(query).fetchall()


def published(path: Path) -> int:
    """How often a page was published as read, in all runs together."""
    with closing(Library.open(path).connect()) as con:
        [(count,)] = con.execute("SELECT count(*) FROM pages_history WHERE status = 'done'").fetchall()
    return int(count)


class Worker:
    """`warraq worker`, and the process below it that holds the models."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def reader(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it has ended meanwhile
                if "flows.shards.reader" in child.cmdline():
                    return child
        return None

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def start(prefect_server: None) -> Iterator[Callable[..., Worker]]:
    from prefect.settings import PREFECT_API_URL

    started: list[Worker] = []

    def begin(pool: str, *options: str) -> Worker:
        environment = {
            **os.environ,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        }
        command = [
            sys.executable,
            "-m",
            "flows",
            "worker",
            "--device",
            "cpu",
            "--pool",
            pool,
            "--workers",
            "1",
        ]
        process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, text=True)
        started.append(Worker(process))
        return started[-1]

    yield begin
    for worker in started:
        worker.process.kill()  # what it started ends with it, once it can
        worker.process.wait()


class Dispatch(threading.Thread):
    """A dispatch at work."""

    def __init__(self, library: Path, *pools: str, **options: Any) -> None:
        super().__init__(daemon=True)
        self._settings = DispatchSettings.model_validate({"library": library, "pools": pools, **options})
        self.accounts: list[Account] = []
        self.start()

    def run(self) -> None:
        from flows.shards.dispatch import Dispatcher
        from flows.shards.pools import connect

        with connect() as client:
            self.accounts = Dispatcher(client, self._settings, poll_s=0.2).run()

    def done(self, within: float = 120) -> dict[str, Any]:
        self.join(within)
        [account] = self.accounts
        return account.as_dict()


def wait_for(happens: Callable[[], object], within: float = 60) -> None:
    end = time.monotonic() + within
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.timeout(400)
def test_workers_that_are_killed_or_stand_still_lose_nothing(
    library: Path, expected: list[Any], start: Callable[..., Worker]
) -> None:
    from flows.shards.pools import connect, ensure_reading

    with connect() as client:
        ensure_reading(client, "shared", limit=2)
    killed = start("shared", "--limit", "2")
    dispatch = Dispatch(library, "shared")
    wait_for(lambda: published(library))
    reader = killed.reader()
    killed.process.kill()
    killed.process.wait()
    before = published(library)
    assert before < PAGES
    # The models leave the memory with the worker, and its shard does not block its place for ever.
    assert reader is None or psutil.wait_procs([reader], timeout=20)[1] == []

    frozen, sound = (start("shared", "--limit", "2") for _ in range(2))
    wait_for(frozen.reader)
    wait_for(lambda: published(library) > before)
    for process in (psutil.Process(frozen.process.pid), *frozen.family()):
        process.send_signal(signal.SIGSTOP)

    account = dispatch.done()
    assert (account["discovered"], account["done"]) == (PAGES, PAGES)
    assert content(library) == expected
    assert published(library) == PAGES
    [collection] = status(Library.open(library))["collections"]
    assert (collection["done"], collection["pending"], collection["failed"]) == (PAGES, 0, 0)
    assert sound.process.poll() is None
    for process in frozen.family():
        process.send_signal(signal.SIGCONT)


def test_a_reader_that_hangs_or_dies_is_replaced() -> None:
    with WatchedReader("cpu", 1, silence_s=0.5) as reader:
        first = reader.start({})
        assert reader.start({}) == first
        os.kill(first, signal.SIGSTOP)
        assert "no sign of life" in reader.read(uuid4())
        second = reader.start({})
        assert second != first
        os.kill(second, signal.SIGKILL)
        assert "code -9" in reader.read(uuid4())
        third = reader.start({"CUDA_VISIBLE_DEVICES": "1"})
        assert third not in (first, second)
    assert not any(map(psutil.pid_exists, (first, second, third)))


def test_the_gpu_of_a_device() -> None:
    assert pinned("cuda:1", None) == ("cuda", {"CUDA_VISIBLE_DEVICES": "1"})
    assert pinned("cuda:1", "4,6") == ("cuda", {"CUDA_VISIBLE_DEVICES": "6"})
    assert pinned("cuda:0", "GPU-8932f937") == ("cuda", {"CUDA_VISIBLE_DEVICES": "GPU-8932f937"})
    assert pinned("auto", "4,6") == ("auto", {})
    assert pinned("cpu", None) == ("cpu", {})
