"""Which pages are handed out, what a worker makes of a shard, and what becomes of pages whose reader died."""

from __future__ import annotations

import shutil
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.config import ArabicEngine
from ocr_core.library import Library
from ocr_core.pipeline.engines import settled_for
from ocr_core.pipeline.shards import (
    Load,
    Shard,
    account_for,
    answered,
    blamed,
    page_refs,
    plan_shard,
    waiting,
)
from ocr_core.records import Status
from tests.library.make import deferred, documents, failure, result


@pytest.fixture
def source(samples: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(samples / "arabic", tmp_path / "in"))


def test_waiting_pages_come_with_the_settings_of_their_run(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    pages = deferred(library, source, device="cuda:3", workers=7, decoding="greedy")
    [(alike, found)] = waiting(library, ArabicEngine.CRNN)
    assert found == sorted(pages)
    assert (alike.arabic, alike.device, alike.workers, alike.decoding) == (
        ArabicEngine.CRNN, "auto", 0, "greedy",
    )  # fmt: skip
    assert alike.sources == (source,)


def test_runs_that_read_alike_are_handed_out_together(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    for number, name in enumerate(sorted(path.name for path in source.iterdir())):
        folder = tmp_path / f"in{number}"
        folder.mkdir()
        (source / name).rename(folder / name)
        deferred(library, folder, f"r{number}")
    [(alike, pages)] = waiting(library)
    assert len(pages) == 2
    assert alike.sources == (tmp_path / "in0", tmp_path / "in1")


def test_pages_that_wait_for_something_else_are_left(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    deferred(library, source)
    page = documents(source)[0].page(1)
    library.publish(
        "r1", "default", results=[result(page, None, status=Status.PENDING, reason="No such engine.")]
    )
    [(_, pages)] = waiting(library)
    assert pages == [documents(source)[1].page(1).page_id]


def test_only_an_upgrade_hands_out_what_the_weaker_engine_read(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    deferred(library, source)
    weak, strong = (document.page(1) for document in documents(source))
    for page, name in ((weak, "crnn-ar"), (strong, "qwen-vl-arabic")):
        read = result(page, "نص")
        [line] = read.lines
        assert line.transcript
        stamp = replace(line.transcript.engine, name=name)
        lines = (replace(line, transcript=replace(line.transcript, engine=stamp)),)
        library.publish("r1", "default", results=[replace(read, lines=lines)])
    assert waiting(library) == []
    [(alike, pages)] = waiting(library, upgrade=True)
    assert pages == [weak.page_id]
    assert alike.upgrade


def test_a_shard_leaves_out_what_is_settled_and_says_what_is_gone(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    pages = deferred(library, source)
    [(alike, _)] = waiting(library)
    shard = Shard(settings=alike, run_id="r2", pages=tuple(pages))
    assert Shard.model_validate_json(shard.model_dump_json()) == shard

    plan = plan_shard(library, shard, settled_for(alike))
    assert [page.page_id for page in plan.pages()] == sorted(pages)
    assert not plan.failures

    deferring = alike.model_copy(update={"arabic": ArabicEngine.DEFER})
    from ocr_core.pipeline.engines import engines_for, fingerprints_for

    mark = fingerprints_for(deferring, engines_for(deferring)).of([])
    done, changed = (document.page(1) for document in documents(source))
    library.publish("r1", "default", results=[result(done, "text", fingerprint=mark)])
    changed.source.path.write_bytes(b"something else")
    plan = plan_shard(library, shard, settled_for(alike))
    assert plan.pages_to_do == 0
    assert plan.already == {Status.DONE: 1}
    assert [(f.page_id, f.kind) for f in plan.failures] == [(changed.page_id, "source-gone")]


def test_a_page_is_read_where_a_copy_of_its_file_is_left(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    first = min(source.iterdir())
    shutil.copy(first, source / "another.jpg")
    pages = deferred(library, source)
    [(alike, _)] = waiting(library)
    for path in (source / "another.jpg", first):
        path.rename(tmp_path / "aside")
        shard = Shard(settings=alike, run_id="r2", pages=tuple(pages))
        assert len(list(plan_shard(library, shard, settled_for(alike)).pages())) == 2
        (tmp_path / "aside").rename(path)


def test_the_account_of_a_dispatch(source: Path, tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    pages = deferred(library, source)
    bad, good = page_refs(library, pages)
    library.publish("r2", "default", results=[result(good, "نص")], failures=[blamed(bad, "killed")])
    assert answered(library, "r2", pages) == {good.page_id: Status.DONE, bad.page_id: Status.FAILED}
    account = account_for(library, "r2", pages, datetime.now(UTC))
    assert account.balanced
    assert account.counts == {Status.DONE: 1, Status.FAILED: 1}
    assert account.lines == 1
    assert [f.page_id for f in account.failures] == [bad.page_id]
    other = account_for(library, "r3", pages, datetime.now(UTC))
    assert other.balanced
    assert other.already == {Status.DONE: 1, Status.PENDING: 1}
    assert failure("x").page_id == ""


@given(
    count=st.integers(1, 40),
    deadly=st.sets(st.integers(0, 39)),
    batch=st.integers(1, 8),
    kills=st.integers(0, 5),
)
def test_whatever_kills_readers_every_page_gets_its_answer(
    count: int, deadly: set[int], batch: int, kills: int
) -> None:
    """A reader publishes batches in order and dies in that with a deadly page; besides, it is killed at times."""
    pages = tuple(str(number) for number in range(count))
    deadly_pages = {str(number) for number in deadly if number < count}
    loads = deque([Load(pages)])
    published: set[str] = set()
    failed: set[str] = set()
    crashes = 0
    while loads:
        load = loads.popleft()
        step = 1 if load.singly else batch
        todo = [page for page in load.pages if page not in published]
        died = False
        for start in range(0, len(todo), step):
            if kills and len(load.pages) > 1:
                kills -= 1
                died = True
            elif deadly_pages & set(todo[start : start + step]):
                died = True
            if died:
                break
            published |= set(todo[start : start + step])
        if died:
            crashes += 1
            left = [page for page in load.pages if page not in published]
            again = load.after_a_crash(left)
            loads.extend(again)
            if left and not again:
                failed |= set(left)
    assert failed == deadly_pages
    assert published == set(pages) - deadly_pages
    assert crashes <= 3 * len(deadly_pages) + 6
