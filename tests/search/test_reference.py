"""Every example of docs/search.md answers as it says there."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ocr_core.library import Library
from ocr_core.records import EngineStamp, Script
from ocr_core.search.search import Searcher
from ocr_core.search.sql.run import run_sql
from tests.conftest import ROOT
from tests.library.make import document, result

TEXT = (ROOT / "docs" / "search.md").read_text("utf-8")


def table(name: str) -> list[list[str]]:
    """The rows of the table behind `<!-- name -->`, without its head."""
    lines = TEXT.split(f"<!-- {name} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library.create(tmp_path_factory.mktemp("reference") / "library")
    for number, collection, page, engine, confidence, text in table("lines"):
        read = result(document(f"{number}.png", pages=9).page(int(page)), text)
        (line,) = read.lines
        assert line.transcript
        transcript = replace(line.transcript, engine=EngineStamp(engine, "1"), confidence=float(confidence))
        script = Script.LATIN if text.isascii() else Script.ARABIC
        line = replace(line, transcript=transcript, script=script)
        library.publish("r1", collection, results=[replace(read, lines=(line,))])
    return library


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return Searcher(library)


@pytest.mark.parametrize(("query", "lines"), [row[:2] for row in table("queries")])
def test_example(searcher: Searcher, query: str, lines: str) -> None:
    asked = query.strip("`").removesuffix(" --exact")
    hits = searcher.search(asked, tolerant=not query.endswith("--exact`"))
    assert [hit.source_path.removesuffix(".png") for hit in hits] == lines.split()


def test_sql_example(library: Library) -> None:
    query = TEXT.split("```sql\n")[1].split("```")[0]
    rows = run_sql(library.root, query).table.to_pylist()
    assert [(row["place"], row["text"], row["edits"], row["script"]) for row in rows] == [
        (1, "Orchids: a garden handbook", 0, "latin"),
        (2, "a garden of orchids, well-known", 0, "latin"),
    ]
    columns = re.findall(r"\w+", TEXT.split("has the columns place")[1].split("has")[0])
    for column in run_sql(library.root, "FROM search_lines('kew')").table.column_names[1:]:
        assert column in columns
