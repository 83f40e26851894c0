"""Failures that nobody will mend: taken off the list, with who says why and when, and never deleted.

A dismissal is a row of `failures` that repeats the failure with the reason in `dismissed`. It holds for what failed until
then; the same page or file failing later stands again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ocr_core.errors import UsageError
from ocr_core.library.library import Library
from ocr_core.library.names import new_run_id

Row = dict[str, Any]

DISMISSED: Final = """
SELECT collection, source_path, page_number, kind, message, dismissed AS reason, created_at
FROM failures_history WHERE dismissed <> '' ORDER BY created_at, collection, source_path, page_number
"""


def standing(library: Library) -> list[Row]:
    """The failures that stand, as rows of the view, by collection, path and page."""
    query = "SELECT * FROM failures ORDER BY collection, source_path, page_number, page_id"
    return library.reading(lambda con: con.sql(query).to_arrow_table().to_pylist())


def named(rows: Sequence[Row], name: str) -> list[Row]:
    """Those of a file, or of its page where the name is `path#3`."""
    path, _, number = name.rpartition("#")
    return [
        row
        for row in rows
        if row["source_path"] == name or (row["source_path"] == path and str(row["page_number"]) == number)
    ]


def dismiss(library: Library, rows: Sequence[Row], reason: str) -> None:
    """Publish that these standing failures are dismissed.

    Raises:
        UsageError: the reason is empty.
        LibraryError: the library cannot be written.
    """
    if not reason.strip():
        raise UsageError("A reason is missing.", remedy="Say why these failures need no care: --reason TEXT")
    columns = (
        "page_id",
        "doc_id",
        "collection",
        "source_path",
        "page_number",
        "stage",
        "kind",
        "message",
        "remedy",
    )
    library.append(
        new_run_id(),
        "failures",
        [
            {name: row[name] for name in columns} | {"attempts": 0, "dismissed": reason.strip()}
            for row in rows
        ],
    )
