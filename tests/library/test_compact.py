"""Compaction changes files, never answers."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.library import Library, compact
from ocr_core.library.schemas import SCHEMAS
from tests.library.make import document, failure, result

NOW = timedelta(0)
HISTORY = [f"{name}_history" for name in SCHEMAS]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Ten pages read twice each in small batches by two runs; one failure resolved, one standing."""
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(10)]
    for run_id in ("r1", "r2"):
        for n, d in enumerate(documents):
            failures = [failure("bad.png"), failure("1.png", documents[1].page(1))] if n == 0 else []
            library.publish(
                run_id,
                "c",
                documents=[d],
                results=[result(d.page(1), f"{run_id} {n}", "second")],
                failures=failures,
            )
    return library


def answers(library: Library, names: list[str]) -> dict[str, list[Any]]:
    with library.connect() as con:
        return {
            name: sorted(con.sql(f"SELECT * FROM {name}").to_arrow_table().to_pylist(), key=repr)
            for name in names
        }


def test_views_are_the_same_and_files_few(library: Library) -> None:
    before = answers(library, list(SCHEMAS))
    report = library.compact()
    assert answers(library, list(SCHEMAS)) == before
    assert report.dropped_rows == 10 + 20  # pages and lines of the first run
    assert len(library.snapshot().files("lines")) == 1
    assert library.compact().merged == 0


def test_lines_of_lost_results_stay_lost_where_their_file_is_too_large_to_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(10)]
    for half in (documents[:5], documents[5:]):
        library.publish("r1", "c", results=[result(d.page(1), "many words " * 50) for d in half])
    library.publish("r2", "c", results=[result(documents[0].page(1), "anew")])
    before = answers(library, ["pages", "lines"])
    sizes = {
        name: [f.bytes for f in library.snapshot().files(name) if f.run_id == "r1"]
        for name in ("pages", "lines")
    }
    assert max(sizes["pages"]) < min(sizes["lines"])
    monkeypatch.setattr(compact, "SMALL_BYTES", min(sizes["lines"]))
    assert library.compact().merged == 2  # the two small files of pages
    assert answers(library, ["pages", "lines"]) == before


def test_history_may_be_kept(library: Library) -> None:
    before = answers(library, HISTORY)
    assert library.compact(drop_superseded=False).dropped_rows == 0
    assert answers(library, HISTORY) == before
    assert len(library.snapshot().files("lines")) == 2


def test_rows_are_sorted_by_document_page_and_line(library: Library) -> None:
    library.compact()
    (file,) = library.snapshot().files("lines")
    table = pq.read_table(library.root / file.path, partitioning=None)
    keys = list(zip(table["doc_id"].to_pylist(), table["line_order"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_old_files_outlive_the_grace_time_only(library: Library) -> None:
    old = library.snapshot()
    report = library.compact()
    assert report.deleted == 0
    with old.connect() as con:
        assert con.execute("SELECT count(*) FROM lines_history").fetchone() == (40,)
    assert library.compact(grace=NOW).deleted == report.merged
    assert answers(library, ["lines"])["lines"]


def test_forgotten_files_go_after_the_grace_time(library: Library) -> None:
    folder = library.root / "lines/collection=c/run=dead"
    folder.mkdir()
    young, old = folder / "part-young.parquet", folder / ".part-old.tmp"
    for path in (young, old):
        path.write_bytes(b"half")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    library.compact(min_files=1000, drop_superseded=False)
    assert (young.exists(), old.exists()) == (True, False)
    library.compact(grace=NOW)
    assert not folder.exists()


def test_nothing_is_deleted_while_someone_publishes(library: Library) -> None:
    from ocr_core.library.durable import locked

    library.compact()
    with locked(library.root / "_log/.lock", exclusive=False):
        assert library.compact(grace=NOW).deleted == 0
    assert library.compact(grace=NOW).deleted > 0


def test_compaction_that_lost_the_race_plans_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answers(library, list(SCHEMAS))
    real = compact._rewrite
    other = Library.open(library.root)
    raced: list[object] = []

    def slow(*arguments: Any) -> Any:
        if not raced:
            raced.append(None)
            with monkeypatch.context() as quick:
                quick.setattr(compact, "_rewrite", real)
                other.compact()
            other.publish("r3", "c", results=[result(document("new.png").page(1), "late")])
            other.publish("r3", "c", results=[result(document("newer.png").page(1), "later")])
        return real(*arguments)

    monkeypatch.setattr(compact, "_rewrite", slow)
    library.compact()
    after = answers(library, list(SCHEMAS))
    assert [row for row in after["lines"] if row["run_id"] != "r3"] == before["lines"]
    assert len(after["pages"]) == len(before["pages"]) + 2


@pytest.mark.parametrize("place", [0, -1], ids=["of the run that lost", "of the run that won"])
def test_file_with_columns_of_a_newer_version_is_left_alone(library: Library, place: int) -> None:
    file = library.snapshot().files("lines")[place]
    path = library.root / file.path
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.append_column("novelty", pa.array(["x"] * table.num_rows)), path)
    before = answers(library, ["pages", "lines"])
    library.compact()
    assert file.path in library.snapshot().state.files
    assert answers(library, ["pages", "lines"]) == before


def test_merged_files_keep_to_a_size(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    biggest = max(f.bytes for f in library.snapshot().state.files.values())
    monkeypatch.setattr(compact, "TARGET_BYTES", 3 * biggest)
    before = answers(library, list(SCHEMAS))
    library.compact()
    assert len(library.snapshot().files("lines")) > 1
    assert answers(library, list(SCHEMAS)) == before
