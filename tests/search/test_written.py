"""Lines that people have written are found by what they wrote."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from ocr_core.library import Library
from ocr_core.search.index import upkeep
from ocr_core.search.search import Searcher, lines_to_index, search
from ocr_core.search.sql.run import run_sql
from tests.library.make import document, result
from tests.search.oracle import full_scan, rows_of

PAGE = document("letter.png").page(1)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.create(tmp_path / "library")
    library.publish(
        "r1", "letters", results=[result(PAGE, "Botanicai Gardens", "smudge", None), *others(range(8))]
    )
    upkeep.update(library)
    return library


def others(numbers: range) -> list[object]:
    return [result(document(f"{n}.png").page(1), f"gardens number{n}") for n in numbers]  # type: ignore[misc]


def write(library: Library, place: int, text: str, *, page: str = "letter.png#1", **values: object) -> None:
    line = library.page(page).lines[place]
    row = line | {"text": text, "transcriber": "Ada", "status": "text", "origin": "correction"} | values
    library.append("w-1", "ground_truth", [row])


def texts(library: Library, query: str) -> list[str]:
    """Of the hits, which are those of a full scan, of a searcher that may write and of one that may not."""
    found = [hit.text for hit in search(library, query)]
    expected = full_scan(rows_of(library), query)
    for searcher in (Searcher(library), Searcher(library, write=False)):
        ranked = searcher.rank(query)
        assert [(line, edits) for line, _, edits in ranked] == [(line, edits) for line, _, edits in expected]
        assert [score for *_, score, _ in ranked] == pytest.approx([score for _, score, _ in expected])
    return found


@pytest.mark.parametrize("indexed", [True, False])
def test_the_words_of_people_take_the_place_of_the_reading(library: Library, indexed: bool) -> None:
    write(library, 0, "Botanical Gardens, Kew")
    write(library, 1, "", status="empty")
    write(library, 2, "waits no more")
    if indexed:
        upkeep.update(library)
    [hit] = search(library, "botanical -roses")
    assert (hit.text, hit.engine, hit.transcriber, hit.confidence) == (
        "Botanical Gardens, Kew",
        "human",
        "Ada",
        1.0,
    )
    assert [hit.snippet[start:end] for start, end in hit.spans] == ["Botanical"]
    assert hit.words == ()  # the boxes were those of other words
    assert texts(library, "botanicai~0") == texts(library, "smudge~0") == []
    assert texts(library, "waits engine:human conf>0.99") == ["waits no more"]
    assert texts(library, "gardens engine:crnn page:1 collection:letters number3") == ["gardens number3"]
    [row] = run_sql(library.root, "SELECT * FROM search_lines('kew')").table.to_pylist()
    assert (row["text"], row["engine"], row["transcriber"]) == ("Botanical Gardens, Kew", "human", "Ada")


def test_what_was_said_last_about_the_line_as_it_stands_counts(library: Library) -> None:
    write(library, 0, "first")
    write(library, 0, "second", transcriber="Bob", origin="audit")
    write(library, 1, "elsewhere", y0=900, y1=940)  # another line has its number today
    assert texts(library, "first~0") == texts(library, "elsewhere~0") == []
    assert texts(library, "second~0") == ["second"]
    write(library, 0, "", status="illegible")
    assert texts(library, "second~0") == []
    assert texts(library, "botanicai~0") == ["Botanicai Gardens"]


def test_a_page_read_again_keeps_them_where_its_lines_stand_as_before(library: Library) -> None:
    write(library, 0, "written by hand")
    upkeep.update(library)
    library.publish("r2", "letters", results=[result(PAGE, "Botanical Gerdens", "smudges")])
    assert texts(library, "hand~0") == ["written by hand"]
    assert texts(library, "gerdens~0") == []
    assert texts(library, "smudges~0") == ["smudges"]
    upkeep.update(library)
    assert texts(library, "hand~0") == ["written by hand"]


def test_only_pages_that_were_written_on_are_read(library: Library) -> None:
    searcher = Searcher(library)
    assert searcher.search("kew") == []
    write(library, 0, "Kew")
    assert [hit.text for hit in searcher.search("kew")] == ["Kew"]
    assert lines_to_index(library) == upkeep.LINES_A_PAGE
    report = upkeep.update(library)
    assert report and report.lines == 2
    assert lines_to_index(library) == 0
    library.compact(grace=timedelta(0))
    again = upkeep.update(library)
    assert again and again.lines == 0
    assert texts(library, "kew~0") == ["Kew"]


def test_a_random_life(library: Library) -> None:
    rng = random.Random(11)
    searcher = Searcher(library, write=False)
    for step in range(14):
        match rng.choice(["write", "write", "read", "index", "compact"]):
            case "write":
                status = rng.choice(["text", "text", "text", "empty", "illegible"])
                text = rng.choice(["gardens", "rose", "number3 rose"]) if status == "text" else ""
                write(library, 0, text, page=f"{rng.randrange(8)}.png#1", status=status)
            case "read":
                first = rng.randrange(6)
                library.publish(f"r-{step}", "letters", results=others(range(first, first + 2)))  # type: ignore[arg-type]
            case "index":
                upkeep.update(library)
            case "compact":
                library.compact(grace=timedelta(0))
        for query in ("gardens", "rose -number3", "engine:human gard*"):
            expected = [(line, edits) for line, _, edits in full_scan(rows_of(library), query)]
            assert [(line, edits) for line, _, edits in searcher.rank(query)] == expected
