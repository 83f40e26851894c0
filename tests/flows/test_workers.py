"""Real workers on a real Prefect server, killed and stopped by signals: nothing is lost, nothing is read twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from PIL import Image

from flows.shards.watched import ReaderEnded, WatchedReader
from flows.shards.worker import pinned
from ocr_core.config import ArabicEngine, RunSettings
from ocr_core.ground_truth import read_page
from ocr_core.library import Library, status
from ocr_core.pipeline.shards import DispatchSettings, Shard, waiting
from ocr_core.records import Status
from tasks.shard import kept_reader
from tests.conftest import PATIENCE_S, ROOT
from tests.library.make import deferred
from tests.recognizers.qwen_tiny import SMALL

pytestmark = pytest.mark.alone

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
def expected(prefect_server: None, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the same pages say when they are read here."""
    from flows.digitize import digitize

    path = tmp_path_factory.mktemp("expected") / "library"
    digitize(RunSettings.model_validate({"sources": [archive], "library": path}))
    return content(path)


def content(path: Path) -> list[Any]:
    query = "SELECT line_id, x0, y0, x1, y1, text, engine, model_sha256 FROM lines ORDER BY line_id"
    with closing(Library.open(path).connect()) as con:
        return con.execute(query).fetchall()


def published(path: Path) -> int:
    """How often a page was published as read, in all runs together."""
    if not (path / "warraq.toml").exists():
        return 0
    with closing(Library.open(path).connect()) as con:
        [(count,)] = con.execute("SELECT count(*) FROM pages_history WHERE status = 'done'").fetchall()
    return int(count)


def reader_of(worker: subprocess.Popen[str]) -> psutil.Process | None:
    """The process below a worker that holds the models."""
    for child in psutil.Process(worker.pid).children():
        with suppress(psutil.Error):  # it has ended meanwhile
            if "flows.shards.reader" in child.cmdline():
                return child
    return None


@pytest.fixture
def warraq(prefect_server: None) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """The command line with the server of the tests; ended with the test."""
    from prefect.settings import PREFECT_API_URL

    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path, beat_s: int = 2) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PREFECT_WORKER_HEARTBEAT_SECONDS": str(beat_s),
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        }
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        started.append(
            subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.timeout(1200)
def test_workers_that_are_killed_or_stand_still_lose_nothing(
    archive: Path, expected: list[Any], warraq: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    from flows.shards.pools import connect, ensure_reading

    library = tmp_path / "library"
    serve = ("worker", "--device", "cpu", "--pool", "shared", "--limit", "2", "--workers", "1")
    with connect() as client:
        ensure_reading(client, "shared", limit=2)
    killed = warraq(*serve)
    run = warraq("run", archive, "--library", library, "--pool", "shared", "--workers", "1", "--json")
    wait_for(lambda: published(library))
    reader = reader_of(killed)
    killed.kill()
    killed.wait()
    before = published(library)
    assert before < PAGES
    # The models leave the memory with the worker, and its shard does not block its place for ever.
    assert reader is None or psutil.wait_procs([reader], timeout=PATIENCE_S)[1] == []

    workers = [warraq(*serve), warraq(*serve)]
    wait_for(lambda: any(map(reader_of, workers)) and published(library) > before)
    # The frozen one is one that was given a shard.
    frozen, sound = sorted(workers, key=lambda worker: reader_of(worker) is None)
    family = [psutil.Process(frozen.pid), *psutil.Process(frozen.pid).children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)

    out, _ = run.communicate(timeout=PATIENCE_S)
    here, elsewhere = map(json.loads, out.splitlines())
    assert run.returncode == 0
    assert (here["discovered"], here["pending"]) == (PAGES, PAGES)
    assert (elsewhere["discovered"], elsewhere["done"], elsewhere["failed"]) == (PAGES, PAGES, 0)
    assert content(library) == expected
    assert published(library) == PAGES
    [collection] = status(Library.open(library))["collections"]
    assert (collection["done"], collection["pending"], collection["failed"]) == (PAGES, 0, 0)
    assert sound.poll() is None
    for process in family[1:]:  # what lost its worker ends, and may have ended with the one before
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(1200)
def test_a_worker_killed_while_the_vision_language_model_reads_is_started_anew(
    tiny_qwen: Path, samples: Path, warraq: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    from flows.shards.dispatch import Dispatcher
    from flows.shards.pools import connect, ensure_reading

    # The two samples again and again, each file with a comment of its own: other pages with the same pictures.
    scans = sorted((samples / "arabic").glob("*.jpg"))
    (folder := tmp_path / "in").mkdir()
    for number in range(8):
        scan = scans[number % 2]
        start, rest = scan.read_bytes()[:2], scan.read_bytes()[2:]
        (folder / f"{number:02} {scan.name}").write_bytes(
            start + b"\xff\xfe\x00\x03" + bytes([number]) + rest
        )
    library = Library.create(tmp_path / "library")
    pages = deferred(library, folder, vlm={**SMALL, "model": str(tiny_qwen)})

    serve = ("worker", "--device", "cpu", "--pool", "qwen", "--workers", "1")

    def killed_and_started_anew() -> int:
        """Pages that were published until the worker was killed."""
        killed = warraq(*serve, beat_s=4)
        wait_for(lambda: published(library.root))
        killed.kill()
        killed.wait()
        count = published(library.root)
        warraq(*serve, beat_s=4)
        return count

    with connect() as client, ThreadPoolExecutor(1) as beside:
        ensure_reading(client, "qwen")
        before = beside.submit(killed_and_started_anew)
        wanted = DispatchSettings(library=library.root, pools=("qwen",), arabic=ArabicEngine.VLM)
        [account] = Dispatcher(client, wanted, poll_s=0.5).run()
    assert 0 < before.result() < len(pages)  # which are of one shard
    assert account.balanced
    assert account.counts == {Status.DONE: len(pages)}
    assert published(library.root) == len(pages)
    for path in folder.iterdir():
        truth = read_page(samples.parent / "ground_truth" / f"{path.stem[3:]}.xml")
        read = library.page(f"{path.name}#1").lines
        assert [line["text"] for line in read] == [line.text for line in truth.lines]
        assert {line["engine"] for line in read} == {"qwen-vl-arabic"}


def test_the_next_shard_finds_the_models_loaded(archive: Path, tmp_path: Path) -> None:
    settings = RunSettings.model_validate({"sources": [archive], "library": tmp_path / "a"})
    reader = kept_reader(settings, threads=1)
    other = {"library": tmp_path / "b", "batch_pages": 1, "upgrade": True}
    assert kept_reader(settings.model_copy(update=other), threads=1) is reader
    assert kept_reader(settings.model_copy(update={"decoding": "greedy"}), threads=1) is not reader


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    environment.pop("PREFECT_API_URL", None)
    for address, why in (
        ({}, "none is named"),
        ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "does not answer"),
    ):
        command = [sys.executable, "-m", "flows", "worker", "--device", "cpu"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment | address, text=True, capture_output=True, timeout=PATIENCE_S
        )
        assert done.returncode == 3
        assert why in done.stderr
        assert "prefect server start" in done.stderr


def test_a_reader_that_hangs_or_dies_is_replaced() -> None:
    with WatchedReader("cpu", 1, silence_s=0.5) as reader:
        first = reader.start({})
        assert reader.start({}) == first
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(ReaderEnded, match="no sign of life"):
            reader.read(uuid4())
        second = reader.start({})
        assert second != first
        os.kill(second, signal.SIGKILL)
        # On a busy machine dying takes longer than silence may.
        os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ReaderEnded, match="code -9"):
            reader.read(uuid4())
        third = reader.start({"CUDA_VISIBLE_DEVICES": "1"})
        assert third not in (first, second)
    assert not any(map(psutil.pid_exists, (first, second, third)))


def test_a_shard_is_read_by_the_vision_language_model_that_its_run_named(
    prefect_server: None, tiny_qwen: Path, samples: Path, tmp_path: Path
) -> None:
    from flows.digitize import digitize
    from flows.shards.flow import read_shard

    library = Library.create(tmp_path / "library")
    wanted = {
        "sources": [samples / "arabic"],
        "library": library.root,
        "vlm": {**SMALL, "model": str(tiny_qwen)},
    }
    digitize(RunSettings.model_validate({**wanted, "arabic": "defer"}))
    [(settings, pages)] = waiting(library, ArabicEngine.VLM)
    shards = [Shard(settings=settings, run_id="elsewhere", pages=(page,), singly=True) for page in pages]
    assert [read_shard(shard) for shard in (*shards, *shards)] == [1, 1, 0, 0]

    digitize(RunSettings.model_validate({**wanted, "arabic": "vlm", "library": tmp_path / "here"}))
    assert content(library.root) == content(tmp_path / "here")
    assert any("crnn" not in line[-2] for line in content(library.root))


def test_the_gpu_of_a_device() -> None:
    assert pinned("cuda:1", None) == ("cuda", {"CUDA_VISIBLE_DEVICES": "1"})
    assert pinned("cuda:1", "4,6") == ("cuda", {"CUDA_VISIBLE_DEVICES": "6"})
    assert pinned("cuda:0", "GPU-8932f937") == ("cuda", {"CUDA_VISIBLE_DEVICES": "GPU-8932f937"})
    assert pinned("auto", "4,6") == ("auto", {})
    assert pinned("cpu", None) == ("cpu", {})
