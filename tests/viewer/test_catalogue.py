"""Paging through a library by keys, and following it as it grows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocr_core.library import Library, RunRecord
from ocr_core.viewer.catalogue import Catalogue
from tests.library.make import document, failure, result


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """40 documents of two collections in random order; some paths begin alike, one is there with other content."""
    made = Library.create(tmp_path / "library")
    paths = [f"{folder}/{name}.png" for folder in ("a", "a b", "ب", "Z") for name in range(9)]
    documents = [document(path, pages=2) for path in [*paths, "twice.png", "last\U0001f600.png"]]
    documents += [document("twice.png", salt="2"), document("twice.png", salt="3")]
    random.Random(1).shuffle(documents)
    for collection, some in (("two", documents[:4]), ("one", documents[4:20]), ("one", documents[20:])):
        made.publish("run-1", collection, documents=some, results=[result(d.page(1), "x") for d in some])
    return made


@pytest.mark.parametrize("step", [1, 7, 100])
def test_paging_meets_every_document_once_both_ways(library: Library, step: int) -> None:
    wanted = sorted(
        (d.source_path.encode(), d.doc_id) for d in library.documents() if d.collection == "one"
    )  # DuckDB orders text by its bytes
    catalogue = Catalogue(library)

    def key(row: dict[str, str]) -> tuple[str, str]:
        return row["source_path"], row["doc_id"]

    found: list[dict[str, str]] = []
    while rows := catalogue.documents("one", step, after=key(found[-1]) if found else None):
        assert len(rows) <= step
        found += rows
    assert [(row["source_path"].encode(), row["doc_id"]) for row in found] == wanted
    back: list[dict[str, str]] = found[-1:]
    while rows := catalogue.documents("one", step, before=key(back[0])):
        back = [*rows, *back]
    assert back == found


def test_pages_are_found_whichever_run_read_them(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    book, alone = document("book.pdf", pages=5), document("alone.png")
    one, two, three, four, _ = (book.page(n) for n in range(1, 6))
    library.publish("run-1", "c", documents=[book], results=[result(one, "1"), result(two, "2")])
    library.publish("run-2", "c", results=[result(three, "3"), result(two, "2 again")])
    library.publish("run-3", "c", results=[result(alone.page(1), "x")], failures=[failure("book.pdf", four)])
    catalogue = Catalogue(library)
    rows = catalogue.pages(book.doc_id, 1, 10)
    assert [row["page_number"] for row in rows] == [1, 2, 3]
    assert [row["page_number"] for row in catalogue.pages(book.doc_id, 2, 1)] == [2]
    found = {page.number: catalogue.page(page.page_id) for page in (one, two, three, four)}
    assert {n: row and row["run_id"] for n, row in found.items()} == {
        1: "run-1",
        2: "run-2",
        3: "run-2",
        4: None,
    }
    assert found[2] is not None and [line["text"] for line in catalogue.lines(found[2])] == ["2 again"]
    page = catalogue.page(alone.page(1).page_id)  # nobody published its document
    assert page is not None and page["run_id"] == "run-3"


def test_a_page_is_read_from_the_files_of_its_run_alone(tmp_path: Path) -> None:
    """With hundreds of runs, all other files would be read for every page that is looked at."""
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(4)]
    for n, one in enumerate(documents):
        library.publish(f"run-{n}", "c", documents=[one], results=[result(one.page(1), str(n))])
    catalogue = Catalogue(library)
    catalogue.warm()
    for file in library.snapshot().files("pages") + library.snapshot().files("lines"):
        if file.run_id != "run-2":
            (library.root / file.path).unlink()
    page = catalogue.page(documents[2].page(1).page_id)
    assert page is not None and [line["text"] for line in catalogue.lines(page)] == ["2"]
    assert [row["page_id"] for row in catalogue.pages(documents[2].doc_id, 1, 5)] == [page["page_id"]]


def test_failures_and_runs_are_paged(library: Library) -> None:
    library.publish("run-2", "one", failures=[failure(f"bad-{n:02d}.tif") for n in range(7)])
    catalogue = Catalogue(library)
    found, after = [], 0
    while rows := catalogue.failures(3, after=after):
        found += [row["source_path"] for row in rows]
        after = rows[-1]["place"]
    assert found == [f"bad-{n:02d}.tif" for n in range(7)]
    assert catalogue.kinds_of_failure()[0]["pages"] == 7


def test_runs_are_paged_newest_first(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "runs")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(5):
        at = start + timedelta(hours=n // 2)  # some begin at the same time
        library.publish(f"r{n}", "c", run=RunRecord(f"r{n}", "c", (), at))
    catalogue = Catalogue(library)
    found: list[str] = []
    while rows := catalogue.runs(2, before=found[-1] if found else None):
        found += [row["run_id"] for row in rows]
    assert found == ["r4", "r3", "r2", "r1", "r0"]


def test_what_is_published_and_written_is_seen(library: Library) -> None:
    catalogue = Catalogue(library)
    new = document("new.png")
    assert catalogue.document(new.doc_id) is None
    library.publish("run-2", "one", documents=[new], results=[result(new.page(1), "new")])
    catalogue.opened._opening_s = 0.0  # the time that passes between two looks
    assert catalogue.document(new.doc_id) is not None
    page = catalogue.page(new.page(1).page_id)
    assert page is not None and catalogue.written(page) == []
    con = catalogue.opened._con
    line = catalogue.lines(page)[0]
    library.append(
        "w-1", "ground_truth", [line | {"transcriber": "Ada", "status": "text", "origin": "audit"}]
    )
    assert [row["transcriber"] for row in catalogue.written(page)] == ["Ada"]
    assert catalogue.opened._con is con  # nothing else was read again for that
    library.compact(min_files=2)
    catalogue.opened._opening_s = 0.0
    assert len(catalogue.documents("two", 100)) == 4


def test_files_that_compaction_took_away_are_not_missed(library: Library) -> None:
    catalogue = Catalogue(library)
    assert len(catalogue.documents("one", 100)) == 36
    gone = [library.root / file.path for file in library.snapshot().files("pages")]
    library.publish("run-1", "one", results=[result(document("more.png").page(1), "x")])
    library.compact(min_files=2, grace=timedelta(0))
    assert not all(path.exists() for path in gone)
    catalogue.opened._opening_s = 1e9  # a new version would not be opened for its own sake
    doc = next(row["doc_id"] for row in catalogue.documents("one", 1))
    assert [row["page_number"] for row in catalogue.pages(doc, 1, 10)] == [1]


def test_what_is_written_is_seen_while_a_run_publishes(library: Library) -> None:
    catalogue = Catalogue(library)
    doc = catalogue.documents("one", 1)[0]["doc_id"]
    page = catalogue.page(f"{doc}-00001")
    assert page is not None
    catalogue.opened._opening_s = 1e9
    library.publish("run-2", "one", results=[result(document("more.png").page(1), "x")])
    line = catalogue.lines(page)[0]
    library.append(
        "w-1", "ground_truth", [line | {"transcriber": "Ada", "status": "text", "origin": "audit"}]
    )
    assert [row["transcriber"] for row in catalogue.written(page)] == ["Ada"]
