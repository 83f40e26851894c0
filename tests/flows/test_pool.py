"""A page that hangs or crashes its process fails alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.records import Failure, PageRef, SourceFile, page_id
from ocr_core.sources import ReadSettings
from tasks.pool import PagePool
from tests import faults


def unit(name: str, pages: int = 1) -> list[PageRef]:
    source = SourceFile(Path("/archive") / name, Path("/archive"), name)
    return [PageRef(page_id(name, n), name, n, source, "image/png") for n in range(1, pages + 1)]


@pytest.fixture
def pool():
    with PagePool(2, ReadSettings(), page_timeout_s=2, prepare=faults.prepare) as pool:
        yield pool


def test_a_hanging_and_a_crashing_page_leave_their_neighbours_alone(pool: PagePool) -> None:
    units = [unit("a"), unit("hang"), unit("b"), unit("crash"), *(unit(f"c{i}") for i in range(6))]
    futures = [pool.submit(u) for u in units]
    answers = {u[0].source.source_path: pool.collect(u, f)[0] for u, f in zip(units, futures, strict=True)}
    failed = {name: answer.kind for name, answer in answers.items() if isinstance(answer, Failure)}
    assert failed == {"hang": "timeout", "crash": "crashed"}
    assert all(isinstance(a, PreparedPage) for name, a in answers.items() if name not in failed)


def test_only_the_page_that_crashes_its_unit_fails(pool: PagePool) -> None:
    pages = unit("crash-page-2", pages=3)
    answers = pool.collect(pages, pool.submit(pages))
    assert [isinstance(answer, Failure) for answer in answers] == [False, True, False]
    failure = answers[1]
    assert isinstance(failure, Failure)
    assert (failure.page_number, failure.kind) == (2, "crashed")
    assert failure.remedy
