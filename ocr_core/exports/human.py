"""Which lines that people have written are exported, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import duckdb

from ocr_core.library.written import Place, as_written, newest_words, place_of

Which = Literal["", "none", "corrections", "all"]
"""Every line, with people's words in place of the engine's; every line as the engines read it; or only the lines that
people have written. `corrections` leaves out what was drawn for an audit: who trains on it cannot measure with it any
more."""

_OF: Final = {
    "": "true",
    "corrections": "origin = 'correction' AND line_id NOT IN (SELECT line_id FROM samples)",
    "all": "true",
}


def only_written(which: Which) -> bool:
    """Whether lines that nobody has written stay out."""
    return which in ("corrections", "all")


def has_written_lines(which: Which) -> str:
    """SQL: whether the page of a row has such lines."""
    return f"page_id IN (SELECT page_id FROM ground_truth WHERE status = 'text' AND {_OF[which]})"


def written_lines(
    con: duckdb.DuckDBPyConnection, values: Sequence[str], which: Which
) -> dict[Place, dict[str, Any]]:
    """The newest words about lines of some pages.

    Args:
        values: the least and the greatest document id, and the page ids.
    """
    if which == "none":
        return {}
    pages = ", ".join("?" * (len(values) - 2))
    query = newest_words(f"doc_id BETWEEN ? AND ? AND page_id IN ({pages}) AND {_OF[which]}")
    rows = con.sql(query, params=values).to_arrow_table().to_pylist()
    return {place_of(row): row for row in rows if row["status"] == "text" or not only_written(which)}


def with_words(
    rows: Sequence[Mapping[str, Any]], written: Mapping[Place, Mapping[str, Any]], which: Which
) -> list[Mapping[str, Any]]:
    """Rows of `lines`, those that people have written with their words, the others as `which` says."""
    return [
        as_written(row, written.get(place_of(row)))
        for row in rows
        if place_of(row) in written or not only_written(which)
    ]
