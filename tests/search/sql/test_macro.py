"""`search_lines('…')` in SQL gives the hits of `search`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.library import Library
from ocr_core.search import search as searching
from ocr_core.search.index import files as index_files
from ocr_core.search.index import upkeep
from ocr_core.search.index.changes import state_of
from ocr_core.search.index.files import FOLDER
from ocr_core.search.search import search
from ocr_core.search.sql.run import run_sql
from tests.library.make import document, result


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library.create(tmp_path_factory.mktemp("macro") / "library")
    lines = ["Kew Gardens", "the garden at Kew", "botanicai gardens", "أمّا بعد", "roses"]
    library.publish("r1", "c", results=[result(document("a.png").page(1), *lines)])
    upkeep.update(library)
    library.publish("r2", "d", results=[result(document("b.png").page(1), "kew kew", "it's a rose")])
    return library


@pytest.mark.parametrize("query", ["kew", "botanical -kew", "garden* OR اما", 'kew "rose"', "nowhere"])
def test_same_hits(library: Library, query: str) -> None:
    text = f"SELECT * FROM search_lines('{query}', hits := 3)"
    rows = run_sql(library.root, text).table.to_pylist()
    hits = search(library, query, limit=3)
    assert [row["place"] for row in rows] == list(range(1, len(hits) + 1))
    for row, hit in zip(rows, hits, strict=True):
        for name in (
            "line_id",
            "score",
            "edits",
            "collection",
            "source_path",
            "page_number",
            "text",
            "snippet",
        ):
            assert row[name] == getattr(hit, name)
        assert [tuple(span) for span in row["spans"]] == list(hit.spans)
        assert [(w["word"], w["x0"], w["y1"]) for w in row["words"]] == [
            (w.text, w.box.x0, w.box.y1) for w in hit.words
        ]


def test_hits_join_with_the_tables(library: Library) -> None:
    query = """
        SELECT p.source_path, count(*) AS n FROM search_lines('kew') s JOIN pages p USING (page_id)
        GROUP BY ALL ORDER BY ALL
    """
    assert run_sql(library.root, query).table.to_pylist() == [
        {"source_path": "a.png", "n": 2},
        {"source_path": "b.png", "n": 1},
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("FROM search_lines('')", "Nothing to search for"),
        ("FROM search_lines('kew script:klingon')", "Not a filter: script:klingon"),
        ("FROM search_lines('kew', hits := 0)", "Not a number of hits"),
        ("FROM search_lines('kew', hits := 100000)", "Too many hits"),
    ],
)
def test_errors_are_those_of_search(library: Library, query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        run_sql(library.root, query)
    assert "Traceback" not in raised.value.message
    assert raised.value.remedy


def test_no_query_no_hits(library: Library) -> None:
    assert run_sql(library.root, "FROM search_lines(NULL)").table.num_rows == 0


def test_library_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "kew")])
    assert run_sql(library.root, "SELECT text FROM search_lines('kew')").table["text"].to_pylist() == ["kew"]
    assert not (library.root / FOLDER).exists()
    monkeypatch.setattr(searching, "READ_ALONG", 0)
    run_sql(library.root, "FROM search_lines('kew')")
    assert index_files.load(library.root).of == state_of(library.snapshot())
