"""A page that hangs or crashes its process fails alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path

import pytest

from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.records import Failure, PageRef, SourceFile, page_id
from ocr_core.sources import ReadSettings
from tasks.pool import PagePool, Prepared
from tests import faults
from tests.conftest import PATIENCE_S, ROOT


def unit(name: str, pages: int = 1) -> list[PageRef]:
    source = SourceFile(Path("/archive") / name, Path("/archive"), name)
    return [PageRef(page_id(name, n), name, n, source, "image/png") for n in range(1, pages + 1)]


@pytest.fixture
def pool():
    with PagePool(2, ReadSettings(), page_timeout_s=5, prepare=faults.prepare) as pool:
        yield pool


def test_a_hanging_and_a_crashing_page_leave_their_neighbours_alone(pool: PagePool) -> None:
    units = [unit("a"), unit("hang"), unit("b"), unit("crash"), *(unit(f"c{i}") for i in range(6))]
    futures = [pool.submit(u) for u in units]
    answers = {u[0].source.source_path: pool.collect(u, f)[0] for u, f in zip(units, futures, strict=True)}
    failed = {name: answer.kind for name, answer in answers.items() if isinstance(answer, Failure)}
    assert failed == {"hang": "timeout", "crash": "crashed"}
    assert all(isinstance(a, PreparedPage) for name, a in answers.items() if name not in failed)


@pytest.mark.parametrize(("fault", "kind"), [("crash", "crashed"), ("error", "internal-error")])
def test_only_the_page_that_breaks_its_unit_fails(fault: str, kind: str, pool: PagePool) -> None:
    pages = unit(f"{fault}-page-2", pages=3)
    answers = pool.collect(pages, pool.submit(pages))
    assert [isinstance(answer, Failure) for answer in answers] == [False, True, False]
    failure = answers[1]
    assert isinstance(failure, Failure)
    assert (failure.page_number, failure.kind) == (2, kind)
    assert failure.remedy


def test_whoever_waits_for_pages_is_freed_when_the_pool_ends() -> None:
    freed: list[str] = []

    def wait(pages: list[PageRef], future: Future[Prepared]) -> None:
        with suppress(CancelledError):
            pool.collect(pages, future)
        freed.append(pages[0].source.source_path)

    with PagePool(1, ReadSettings(), 3600, prepare=faults.prepare) as pool:
        pool.submit(unit("a")).result()
        units = [unit("hang"), unit("b"), unit("c")]  # one at work, two not begun
        waiting = [threading.Thread(target=wait, args=(u, pool.submit(u)), daemon=True) for u in units]
        for thread in waiting:
            thread.start()
    for thread in waiting:
        thread.join(timeout=PATIENCE_S)
    assert sorted(freed) == ["b", "c", "hang"]


HANGING = """
import time
from tests.flows.test_pool import PagePool, ReadSettings, faults, unit
pool = PagePool(1, ReadSettings(), page_timeout_s=3600, prepare=faults.prepare)
pool.submit(unit("a")).result()
pool.submit(unit("hang"))
time.sleep(1)
print("hangs", flush=True)
time.sleep(3600)
"""


def test_a_hanging_page_does_not_outlive_a_killed_run() -> None:
    run = subprocess.Popen([sys.executable, "-c", HANGING], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == "hangs\n"
    run.kill()
    run.communicate(timeout=PATIENCE_S)  # returns when the last process that could still write has ended
