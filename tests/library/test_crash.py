"""Writers killed at any moment, two at once, compaction beside them: a reader sees whole pages only."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq

from ocr_core.library import Library
from tests.conftest import ROOT
from tests.library.writer import texts


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.library.writer", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def pages_seen(library: Library) -> dict[int, str]:
    """Run by page number, having checked that each page is there once with all lines of one run."""
    with library.connect() as con:
        pages = con.execute("SELECT source_path, run_id FROM pages").fetchall()
        lines = con.execute("SELECT source_path, text FROM lines ORDER BY source_path, line_order").fetchall()
        documents = con.execute("SELECT source_path FROM documents").fetchall()
    found: dict[str, list[str]] = {}
    for path, text in lines:
        found.setdefault(path, []).append(text)
    assert max(Counter(path for path, _ in pages).values(), default=1) == 1
    assert {path for path, _ in pages} == set(found) == {path for (path,) in documents}
    seen = {int(path.removesuffix(".png")): run_id for path, run_id in pages}
    for number, run_id in seen.items():
        assert found[f"{number:06d}.png"] == texts(number, run_id)
    return seen


@contextmanager
def reader(path: Path) -> Iterator[list[int]]:
    """Checks the library again and again beside the caller; yields how many pages each look saw."""
    looks: list[int] = []
    troubles: list[BaseException] = []
    stop = threading.Event()

    def look() -> None:
        try:
            while not stop.is_set():
                looks.append(len(pages_seen(Library.open(path))))
                for part in path.glob("*/*/*/part-*.parquet"):  # no file is ever half written under its name
                    try:
                        pq.read_metadata(part)
                    except FileNotFoundError:
                        continue  # compacted away
        except BaseException as error:
            troubles.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        stop.set()
        thread.join()
    if troubles:
        raise troubles[0]
    assert looks == sorted(looks)  # nothing that was seen is ever gone


def test_writer_killed_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "library"
    library = Library.create(path)
    rng = random.Random(7)
    acknowledged = -1
    with reader(path):
        for attempt in range(6):
            process = start("publish", path, f"run-{attempt}", acknowledged + 1, 10_000)
            assert process.stdout
            if attempt % 2:  # half of them after a publication, however slow the machine
                acknowledged = int(process.stdout.readline())
            time.sleep(rng.uniform(0.005, 0.25))
            os.kill(process.pid, signal.SIGKILL)
            for told in process.stdout.read().split():
                acknowledged = int(told)
            process.wait()
            assert set(range(acknowledged + 1)) <= pages_seen(library).keys()
    before = pages_seen(library)
    assert acknowledged > 0

    library.compact(grace=timedelta(0))

    on_disk = {p.relative_to(path).as_posix() for p in path.glob("*/*/*/*")}
    assert on_disk == set(library.snapshot().state.files)
    assert not list((path / "_log/.tmp").glob("*.tmp"))
    assert pages_seen(library) == before


def test_two_writers_and_compaction_beside_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "library"
    Library.create(path)
    with reader(path) as looks:
        compactor = start("compact", path, 4)
        writers = [start("publish", path, "one", 0, 150), start("publish", path, "two", 60, 210)]
        for process in (*writers, compactor):
            assert process.wait() == 0
    seen = pages_seen(Library.open(path))
    assert set(seen) == set(range(210))
    assert set(seen.values()) == {"one", "two"}
    assert len(looks) > 3


def test_two_processes_create_one_library(tmp_path: Path) -> None:
    path = tmp_path / "library"
    command = [sys.executable, "-m", "tests.library.writer", "publish", str(path)]
    writers = [
        subprocess.Popen([*command, run, first, last], cwd=ROOT, stdout=subprocess.DEVNULL)
        for run, first, last in (("one", "0", "9"), ("two", "9", "18"))
    ]
    assert [process.wait() for process in writers] == [0, 0]
    assert set(pages_seen(Library.open(path))) == set(range(18))
