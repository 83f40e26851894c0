"""Other tools read a library as docs/sql.md says."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from ocr_core.library import Library
from tests.conftest import ROOT
from tests.library.make import document, result


def test_the_files_of_a_library_are_open_to_other_tools(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    doc = document("a.png", 2)
    library.publish(
        "r1", "old letters", results=[result(doc.page(1), "old", "old too"), result(doc.page(2), "kept")]
    )
    library.publish("r2", "old letters", results=[result(doc.page(1), "new")])
    page = (ROOT / "docs" / "sql.md").read_text("utf-8")
    (query,) = re.findall(r"```duckdb\n(.*?)```", page, re.DOTALL)
    with duckdb.connect() as con:
        rows = con.sql(query.replace("LIBRARY", str(library.root))).select("text").fetchall()
    assert sorted(rows) == [("kept",), ("new",)]
    # What pandas.read_parquet does with the same argument.
    everything = pq.read_table(library.root / "lines", partitioning=None)
    assert sorted(everything["text"].to_pylist()) == ["kept", "new", "old", "old too"]
