"""Batches hold every page once, in order, and get smaller towards the end; what works on them ends with the run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ocr_core.config import RunSettings
from ocr_core.errors import LibraryError
from ocr_core.pipeline.plan import Plan
from tasks.run import HeadStart, NoProgress, head_start, open_run
from tasks.workshop import Workshop, in_batches
from tests.flows.test_pool import unit


@pytest.mark.parametrize(
    ("most", "readers", "units"), [(8, 2, 20), (8, 4, 100), (1, 1, 3), (256, 2, 7), (8, 2, 0)]
)
def test_batches_hold_every_unit_once_in_order(most: int, readers: int, units: int) -> None:
    source = [tuple(unit(f"doc{number}", pages=2)) for number in range(units)]
    batches = list(in_batches(iter(source), 2 * units, most, readers))
    assert [u for batch in batches for u in batch] == source
    assert all(batches)
    assert all(sum(map(len, batch)) <= most + 1 for batch in batches)


def test_the_last_batches_are_small_so_that_no_reader_works_on_alone() -> None:
    source = [tuple(unit(f"doc{number}")) for number in range(200)]
    sizes = [len(batch) for batch in in_batches(iter(source), 200, 8, readers=2)]
    assert sizes[:20] == [8] * 20
    assert sizes[-4:-1] == [4] * 3
    assert sizes == sorted(sizes, reverse=True)


def test_what_was_ready_for_a_run_is_closed_where_the_library_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    settings = RunSettings(sources=(tmp_path,), library=tmp_path / "a file")
    ready = Workshop(settings, Plan((), (), (), {}), load=lambda *_, **__: None)  # type: ignore[arg-type,return-value]
    ready.wait_for_models()
    assert any(thread.name.startswith("reader") for thread in threading.enumerate())
    head_start.set(HeadStart(NoProgress(), workshop=ready))
    with pytest.raises(LibraryError), open_run(settings):
        pass
    assert not any(thread.name.startswith("reader") for thread in threading.enumerate())
