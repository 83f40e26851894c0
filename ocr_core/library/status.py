"""What a library holds, in a few sums: for `warraq status`, and for whoever watches it."""

from __future__ import annotations

import json
from typing import Any

from ocr_core.library.dismissal import DISMISSED
from ocr_core.library.library import Library

COLLECTIONS = """
WITH known AS (
  SELECT collection, count(*) AS pages, count(*) FILTER (status = 'done') AS done,
         count(*) FILTER (status = 'blank') AS blank, count(*) FILTER (status = 'pending') AS pending,
         sum(lines) AS lines
  FROM pages GROUP BY collection),
broken AS (
  SELECT collection, count(*) AS failed FROM failures ANTI JOIN pages USING (page_id) GROUP BY collection),
newest AS (  -- as the view `documents`, without looking for copies
  SELECT arg_max(collection, (created_at, run_id)) AS collection FROM documents_history GROUP BY doc_id),
files AS (SELECT collection, count(*) AS documents FROM newest GROUP BY collection)
SELECT collection, coalesce(documents, 0) AS documents,
       coalesce(pages, 0) + coalesce(failed, 0) AS pages, coalesce(done, 0) AS done,
       coalesce(blank, 0) AS blank, coalesce(failed, 0) AS failed, coalesce(pending, 0) AS pending,
       CAST(coalesce(lines, 0) AS BIGINT) AS lines
FROM known FULL JOIN broken USING (collection) FULL JOIN files USING (collection)
ORDER BY collection
"""
_PENDING = (
    "SELECT reason, count(*) AS pages FROM pages WHERE status = 'pending' GROUP BY reason ORDER BY reason"
)
_FAILURES = """
SELECT collection, source_path, page_number, stage, kind, message, remedy, attempts, run_id, page_id, doc_id
FROM failures ORDER BY collection, source_path, page_number
"""
_LAST_RUN = "SELECT * FROM runs ORDER BY started_at DESC, run_id DESC LIMIT 1"
_FAILED_SETTINGS = """
SELECT DISTINCT settings FROM runs WHERE run_id IN (SELECT run_id FROM failures) ORDER BY settings
"""


def status(library: Library) -> dict[str, Any]:
    """The library in sums.

    Returns:
        `collections`: a row each with documents, pages = done + blank + failed + pending, and lines;
        `pending`: pages by the reason they wait; `failures`: those that stand; `dismissed`: those taken off the list, with
        reason and time; `last_run`: its row, or None.
    """
    queries = {"collections": COLLECTIONS, "pending": _PENDING, "failures": _FAILURES, "dismissed": DISMISSED}
    queries["runs"] = _LAST_RUN
    rows = library.reading(
        lambda con: {
            name: con.sql(query).to_arrow_table().to_pylist(maps_as_pydicts="strict")
            for name, query in queries.items()
        }
    )
    last = rows.pop("runs")
    return {**rows, "last_run": last[0] if last else None}


def settings_of_failed_runs(library: Library) -> list[dict[str, Any]]:
    """The settings of the runs in which the standing failures were last seen, each once."""
    rows = library.reading(lambda con: con.execute(_FAILED_SETTINGS).fetchall())
    return [json.loads(text) for (text,) in rows]
