"""Lines that people have written, in place of what engines read on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import duckdb

Which = Literal["", "corrections", "all"]
"""`corrections` leaves out what was drawn for an audit: who trains on it cannot measure with it any more."""

HUMAN: Final = "human"
"""Stands where the name of an engine stands; its version is the writer's name."""

Place = tuple[Any, ...]
"""Line id and box: a later run may number the lines of a page anew."""

_OF: Final = {
    "corrections": "origin = 'correction' AND line_id NOT IN (SELECT line_id FROM samples)",
    "all": "true",
}


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
    query = f"""
        SELECT line_id, x0, y0, x1, y1, text, status, transcriber FROM ground_truth_history
        WHERE doc_id BETWEEN ? AND ? AND page_id IN ({", ".join("?" * (len(values) - 2))}) AND {_OF[which]}
        QUALIFY row_number() OVER (
          PARTITION BY line_id, x0, y0, x1, y1 ORDER BY created_at DESC, run_id DESC) = 1
    """
    rows = con.sql(query, params=values).to_arrow_table().to_pylist()
    return {_place(row): row for row in rows if row["status"] == "text"}


def as_written(
    rows: Sequence[Mapping[str, Any]], written: Mapping[Place, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Those of some rows of `lines` that people have written, with their words."""
    found = []
    for row in rows:
        words = written.get(_place(row))
        if words:
            own = {"text": words["text"], "engine": HUMAN, "engine_version": words["transcriber"]}
            nobody: dict[str, Any] = {"model_sha256": "", "confidence": None, "flags": [], "word_text": []}
            found.append({**row, **own, **nobody})
    return found


def _place(row: Mapping[str, Any]) -> Place:
    return tuple(row[name] for name in ("line_id", "x0", "y0", "x1", "y1"))
