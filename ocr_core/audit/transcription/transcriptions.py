"""What people write for the lines of a library, and where it is kept.

A line is what stood in a box of a page. A later run may number the lines of the page anew, so line id and box together
say which line is meant.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ocr_core.errors import UsageError
from ocr_core.library import Library
from ocr_core.library.names import new_run_id
from ocr_core.records import doc_id

TEXT: Final = "text"
EMPTY: Final = "empty"
ILLEGIBLE: Final = "illegible"
STATUSES: Final = (TEXT, EMPTY, ILLEGIBLE)
AUDIT: Final = "audit"
CORRECTION: Final = "correction"
ORIGINS: Final = (AUDIT, CORRECTION, "page", "alto")
"""Only a correction is written with the machine's reading in sight, and therefore no measure of it."""

_AUDIT_ID: Final = {"samples": "audit_id", "lines": "''"}


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a person says is written on a line.

    Attributes:
        line_id: of a line in the library, or of one that was drawn for `audit_id`.
        text: one line in logical order; empty unless `status` is `text`.
        transcriber: who; two different names are two people.
        status: `text`; `empty` (nothing is written there, the machine was mistaken); `illegible`.
        audit_id: the audit it was written for; empty for none.
    """

    line_id: str
    text: str
    transcriber: str
    status: str = TEXT
    note: str = ""
    audit_id: str = ""


def add_transcriptions(
    library: Library, transcriptions: Sequence[Transcription], *, origin: str = AUDIT, run_id: str = ""
) -> int:
    """Keep what people wrote in `ground_truth`, all of it or nothing. Returns the library's version.

    Saying something again about the same line replaces what the same person said before (`ground_truth_history` keeps
    it).

    Args:
        origin: `audit` when the reading was not in sight, `correction` when it was; `page`, `alto` for imported files.
        run_id: of the import; a new one by default.

    Raises:
        UsageError: a line is not in the library or the sample, a name is missing, a text is not one line.
        LibraryError: nothing could be written.
    """
    if origin not in ORIGINS:
        raise UsageError(f"Not an origin: {origin!r}", remedy=f"One of {', '.join(ORIGINS)}.")
    checked = [_checked(transcription) for transcription in transcriptions]
    places = _places(library, checked)
    rows = [
        {
            **places[t.audit_id, t.line_id],
            "text": t.text,
            "transcriber": t.transcriber,
            "status": t.status,
            "note": t.note,
            "audit_id": t.audit_id,
            "origin": origin,
        }
        for t in checked
    ]
    return library.append(run_id or new_run_id(), "ground_truth", rows)


def one_line(text: str) -> str:
    """Text as it is kept: NFC, white space at the ends gone.

    Raises:
        UsageError: it has several lines, or control characters.
    """
    text = unicodedata.normalize("NFC", text).strip()
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c != "\t" for c in text):
        raise UsageError(
            f"Not one line of text: {text[:60]!r}", remedy="Write one line; leave control characters out."
        )
    return text


def _checked(transcription: Transcription) -> Transcription:
    t = transcription
    text, name = one_line(t.text), one_line(t.transcriber)
    if not name:
        raise UsageError(f"Nobody is named for line {t.line_id}.", remedy="Say who transcribed it.")
    if t.status not in STATUSES:
        raise UsageError(f"Not a status: {t.status!r}", remedy=f"One of {', '.join(STATUSES)}.")
    if bool(text) != (t.status == TEXT):
        raise UsageError(
            f"Line {t.line_id}: a text needs the status 'text', and no text one of 'empty' and 'illegible'.",
            remedy="Write what is there, or say that nothing is, or that it cannot be read.",
        )
    return Transcription(t.line_id, text, name, t.status, t.note.strip(), t.audit_id)


def _places(library: Library, wanted: Sequence[Transcription]) -> dict[tuple[str, str], dict[str, Any]]:
    """Where the lines are, by audit and line id."""
    columns = "line_id, page_id, doc_id, collection, source_path, page_number, line_order, x0, y0, x1, y1"
    asked = {
        "samples": sorted({t.line_id for t in wanted if t.audit_id}),
        "lines": sorted({t.line_id for t in wanted if not t.audit_id}),
    }
    # The range, and ids written out, let the reader of the files skip what lies elsewhere: all but a little, for one line.
    queries, values = [], list[str]()
    for source, ids in asked.items():
        if ids:
            documents = [doc_id(line.rpartition("-")[0]) for line in ids]
            queries.append(
                f"SELECT {_AUDIT_ID[source]} AS audit_id, {columns} FROM {source} "
                f"WHERE doc_id BETWEEN ? AND ? AND line_id IN ({', '.join('?' * len(ids))})"
            )
            values += [min(documents), max(documents), *ids]
    if not queries:
        return {}
    query = " UNION ALL BY NAME ".join(queries)
    table = library.reading(
        lambda con: con.sql(query, params=values).to_arrow_table(), results=bool(asked["lines"])
    )
    found = table.to_pylist()
    places = {(row.pop("audit_id"), row["line_id"]): row for row in found}
    for t in wanted:
        if (t.audit_id, t.line_id) not in places:
            where = f"the sample of audit {t.audit_id}" if t.audit_id else "the library"
            raise UsageError(
                f"Line {t.line_id!r} is not in {where}.",
                remedy="Give line ids as they stand in the sheet, or in: warraq sql 'SELECT line_id FROM lines'",
            )
    return places
