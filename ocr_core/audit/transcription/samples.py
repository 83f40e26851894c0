"""The lines drawn for audits: which somebody has still to transcribe, and what was written for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from ocr_core.audit.metrics.text import comparable
from ocr_core.audit.transcription.transcriptions import CORRECTION, one_line
from ocr_core.errors import UsageError
from ocr_core.library import Library
from ocr_core.records import Box

# Written rows of a line by people who had not seen its reading.
_WRITTEN: Final = f"SELECT * FROM ground_truth WHERE origin <> '{CORRECTION}'"


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A line drawn for an audit, as it stood when it was drawn.

    Attributes:
        number: from 1, the order of work.
        box: pixels of the original page; `polygon` its outline.
        reading: what the machine read. A transcriber must not see it.
        double: whether two people transcribe it, without seeing each other's text.
    """

    audit_id: str
    number: int
    line_id: str
    page_id: str
    doc_id: str
    collection: str
    source_path: str
    page_number: int
    line_order: int
    box: Box
    polygon: tuple[tuple[int, int], ...]
    direction: str
    script: str
    hand: str
    reading: str
    confidence: float | None
    engine: str
    engine_version: str
    model_sha256: str
    read_run_id: str
    read_at: datetime
    stratum: str
    stratum_pages: int
    page_lines: int
    weight: float
    double: bool
    picture_sha256: str


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """How far the work on a sample has come. `doubled` of the `double` lines have a second transcription."""

    audit_id: str
    created_at: datetime
    lines: int
    pages: int
    done: int
    double: int
    doubled: int


class Written(NamedTuple):
    """What somebody wrote for a drawn line: the text as `comparable` leaves it, and its status."""

    transcriber: str
    text: str
    status: str


def samples(library: Library) -> list[SampleSummary]:
    """The samples of a library, the newest first."""
    query = f"""
        WITH written AS (
          SELECT s.audit_id, s.number, count(DISTINCT g.transcriber) AS people
          FROM samples s LEFT JOIN ({_WRITTEN}) g USING (line_id, x0, y0, x1, y1) GROUP BY ALL)
        SELECT audit_id, max(created_at), count(*), count(DISTINCT page_id), count(*) FILTER (people > 0),
          count(*) FILTER ("double"), count(*) FILTER ("double" AND people > 1)
        FROM samples JOIN written USING (audit_id, number) GROUP BY audit_id ORDER BY max(created_at) DESC, audit_id
    """
    return [
        SampleSummary(*row)
        for row in library.reading(lambda con: con.execute(query).fetchall(), results=False)
    ]


def sample_lines(library: Library, audit_id: str = "") -> list[SampleLine]:
    """The lines of a sample in the order of work; of the newest sample where none is named.

    Raises:
        UsageError: there is no such sample.
    """
    return _sample(library, audit_id, "true")


def open_lines(library: Library, audit_id: str = "", *, transcriber: str = "") -> list[SampleLine]:
    """The lines of a sample that somebody has still to transcribe, in the order of work.

    Args:
        audit_id: the newest sample where none is named.
        transcriber: only lines that this person has not transcribed; a line to be transcribed twice is open to a second
            person only.

    Raises:
        UsageError: there is no such sample, or the name is none.
    """
    where = f"""
        (SELECT count(DISTINCT g.transcriber) FROM ({_WRITTEN}) g
          WHERE g.line_id = s.line_id AND (g.x0, g.y0, g.x1, g.y1) = (s.x0, s.y0, s.x1, s.y1))
          < CASE WHEN s."double" THEN 2 ELSE 1 END
        AND NOT EXISTS (SELECT 1 FROM ({_WRITTEN}) g
          WHERE g.line_id = s.line_id AND (g.x0, g.y0, g.x1, g.y1) = (s.x0, s.y0, s.x1, s.y1)
          AND g.transcriber = $transcriber)
    """
    return _sample(library, audit_id, where, transcriber=one_line(transcriber))


def newest_sample(library: Library, audit_id: str = "") -> str:
    """`audit_id`, checked; the newest sample where it is empty.

    Raises:
        UsageError: there is no such sample.
    """
    known = [sample.audit_id for sample in samples(library)]
    if audit_id in known:
        return audit_id
    if not audit_id and known:
        return known[0]
    asked = f"no audit {audit_id!r}" if audit_id else "no audit"
    remedy = (
        f"It has: {', '.join(known[:8])}." if known else "Draw a sample first: warraq audit sample --help"
    )
    raise UsageError(f"{library.root} has {asked}.", remedy=remedy)


def written_lines(library: Library, audit_id: str) -> dict[int, list[Written]]:
    """What was written for the lines of a sample, by their numbers; who wrote most lines comes first."""
    query = f"""
        SELECT s.number, g.transcriber, g.text, g.status
        FROM samples s JOIN ({_WRITTEN}) g USING (line_id, x0, y0, x1, y1)
        WHERE s.audit_id = $audit ORDER BY s.number, g.transcriber
    """
    rows = library.reading(lambda con: con.execute(query, {"audit": audit_id}).fetchall(), results=False)
    busy = Counter(name for _, name, _, _ in rows)
    written: dict[int, list[Written]] = defaultdict(list)
    for number, name, text, status in sorted(rows, key=lambda row: (row[0], -busy[row[1]], row[1])):
        written[number].append(Written(name, comparable(text), status))
    return dict(written)


def _sample(library: Library, audit_id: str, where: str, **parameters: str) -> list[SampleLine]:
    audit = newest_sample(library, audit_id)
    query = f"SELECT * FROM samples s WHERE audit_id = $audit AND {where} ORDER BY number"
    table = library.reading(
        lambda con: con.sql(query, params={"audit": audit, **parameters}).to_arrow_table(), results=False
    )
    return [_sample_line(row) for row in table.to_pylist()]


def _sample_line(row: dict[str, Any]) -> SampleLine:
    own = {name: row[name] for name in SampleLine.__dataclass_fields__ if name in row}
    return SampleLine(
        **own,
        box=Box(row["x0"], row["y0"], row["x1"], row["y1"]),
        polygon=tuple(zip(row["polygon_x"], row["polygon_y"], strict=True)),
        reading=row["text"],
    )
