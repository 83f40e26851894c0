"""Drawing lines for an audit: a stratified sample of pages, and on each page some of its lines.

Two stages (Cochran 1977, chapters 5A and 10): in each stratum pages are drawn without replacement with equal
probabilities, and on a drawn page lines in the same way. So a line stands for pages / drawn pages × lines / drawn lines
of its page. Lines of one page share a hand, a scan and a layout: the page is the unit over which errors vary.

What is drawn are the pages and lines whose hash of seed and id is smallest. It depends neither on the order of rows nor
on files, and a library that has grown keeps most of its sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from ocr_core.audit.sampling.strata import VARIABLES, Size, Stratum, make_strata
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.library import Library, names
from ocr_core.library.names import new_run_id

BANDS: Final = (0.5, 0.7, 0.85, 0.95)
"""Where bands of confidence end."""


@dataclass(frozen=True, slots=True)
class Design:
    """How a sample is drawn.

    Attributes:
        lines: about how many; every stratum gets two pages, so small samples may have some more.
        per_page: lines of a page at most.
        by: what strata differ in, of `strata.VARIABLES`; a page belongs to the engine that read most of it, and to the
            hand of most of its lines.
        power: see `strata.make_strata`.
        double: share of the lines that are transcribed twice, 0..1.
        collection, run: only pages of these; all where empty.
        seed: another one draws another sample.
    """

    lines: int = 400
    per_page: int = 2
    by: tuple[str, ...] = VARIABLES
    power: float = 1.0
    double: float = 0.1
    collection: str = ""
    run: str = ""
    seed: str = "1"

    def __post_init__(self) -> None:
        strange = [name for name in self.by if name not in VARIABLES]
        if strange or len(set(self.by)) < len(self.by):
            raise UsageError(
                f"Strata cannot differ in {', '.join(strange or self.by)}.",
                remedy=f"Each of {', '.join(VARIABLES)}, once.",
            )
        if self.lines < 1 or self.per_page < 1 or not 0 <= self.double <= 1 or not 0 <= self.power <= 1:
            raise UsageError(
                "A sample needs at least one line, one line a page, and shares between 0 and 1.",
                remedy="See: warraq audit sample --help",
            )


@dataclass(frozen=True, slots=True)
class Frame:
    """What can be drawn from: pages with lines that were read, by cell of the strata's variables.

    Attributes:
        page_lines: how many pages have how many read lines.
    """

    cells: dict[tuple[str, ...], Size]
    page_lines: dict[int, int]

    @property
    def pages(self) -> int:
        return sum(size.pages for size in self.cells.values())

    @property
    def lines(self) -> int:
        return sum(size.lines for size in self.cells.values())

    def drawn_per_page(self, per_page: int) -> float:
        """Lines that a drawn page gives on average."""
        return sum(min(lines, per_page) * n for lines, n in self.page_lines.items()) / max(self.pages, 1)


@dataclass(frozen=True, slots=True)
class Draw:
    """A drawn sample: its strata, and rows of the data set `samples` in the order of work."""

    strata: list[Stratum]
    rows: list[dict[str, Any]]


def draw(library: Library, design: Design) -> Draw:
    """Draw a sample; nothing is written.

    Raises:
        NothingToDo: no line was read yet.
    """
    return library.reading(lambda con: draw_from(con, read_frame(con, design), design))


def new_audit_id(library: Library, audit_id: str = "") -> str:
    """`audit_id`, or one that sorts by time.

    Raises:
        UsageError: there is such an audit already, or it is no name for one.
    """
    audit_id = names.run(audit_id or new_run_id())
    query = "SELECT count(*) FROM samples WHERE audit_id = $id"
    if library.reading(lambda con: con.execute(query, {"id": audit_id}).fetchall(), results=False)[0][0]:
        raise UsageError(
            f"There is an audit {audit_id} already.", remedy="Leave --id out, or choose another."
        )
    return audit_id


def publish(library: Library, drawn: Sequence[dict[str, Any]], audit_id: str = "") -> str:
    """Keep a sample in the library, which makes it an audit. Returns its id.

    Raises:
        UsageError: as `new_audit_id`.
    """
    audit_id = new_audit_id(library, audit_id)
    library.append(audit_id, "samples", [{**row, "audit_id": audit_id} for row in drawn])
    return audit_id


def read_frame(con: duckdb.DuckDBPyConnection, design: Design) -> Frame:
    """Make the table `audit_pages` of the pages that can be drawn, and count them.

    Raises:
        NothingToDo: there are none.
    """
    bands = " ".join(f"WHEN p.confidence < {edge} THEN '{_band(edge)}'" for edge in BANDS)
    values = {
        "collection": "p.collection",
        "engine": "p.engine",
        "script": "p.script",
        "hand": "CASE WHEN r.hands + r.prints = 0 THEN '' WHEN r.hands >= r.prints THEN 'hand' ELSE 'print' END",
        "confidence": f"CASE {bands} WHEN p.confidence IS NULL THEN 'confidence unknown' ELSE '{_band(2.0)}' END",
    }
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_pages AS
        WITH read AS (
          SELECT page_id, count(*) AS lines, count(*) FILTER (hand = 'hand') AS hands,
            count(*) FILTER (hand = 'print') AS prints
          FROM lines WHERE {_READ} GROUP BY page_id)
        SELECT p.page_id, r.lines, [{", ".join(values[name] for name in design.by)}]::VARCHAR[] AS cell
        FROM pages p JOIN read r USING (page_id)
        WHERE ($collection = '' OR p.collection = $collection) AND ($run = '' OR p.run_id = $run)
        """,
        {"collection": design.collection, "run": design.run},
    )
    counts = con.execute("SELECT cell, count(*), sum(lines) FROM audit_pages GROUP BY cell").fetchall()
    if not counts:
        raise NothingToDo(
            "No line was read that could be drawn.",
            remedy="Run warraq run first, or name another collection.",
        )
    spread = con.execute("SELECT lines, count(*) FROM audit_pages GROUP BY lines").fetchall()
    return Frame({tuple(cell): Size(pages, int(lines)) for cell, pages, lines in counts}, dict(spread))


def draw_from(con: duckdb.DuckDBPyConnection, frame: Frame, design: Design) -> Draw:
    """Draw from the pages that `read_frame` found on this connection, for the same variables."""
    pages = math.ceil(design.lines / frame.drawn_per_page(design.per_page))
    strata = make_strata(frame.cells, min(pages, frame.pages), power=design.power)
    cells = [
        {"cell": list(cell), "stratum": s.name, "stratum_pages": s.pages, "drawn": s.drawn}
        for s in strata
        for cell in s.cells
    ]
    types = [("cell", pa.list_(pa.string())), ("stratum", pa.string()), ("stratum_pages", pa.int32())]
    con.register(
        "audit_cells", pa.Table.from_pylist(cells, schema=pa.schema([*types, ("drawn", pa.int32())]))
    )
    con.execute(_DRAWN_PAGES, {"seed": design.seed})
    parameters = {
        "seed": design.seed,
        "per_page": design.per_page,
        "doubles": math.ceil(design.double * design.lines),
    }
    rows = con.sql(_DRAWN_LINES, params=parameters).to_arrow_table().to_pylist()
    con.unregister("audit_cells")
    return Draw(strata, rows)


def band_of(confidence: float) -> str:
    """The band that a confidence is in, as strata call it."""
    return _band(next((edge for edge in BANDS if confidence < edge), 2.0))


def _band(edge: float) -> str:
    low = max((e for e in (0.0, *BANDS) if e < edge), default=0.0)
    return f"confidence {low:.2f}–{min(edge, 1.0):.2f}"


_READ: Final = "NOT list_contains(flags, 'pending')"

_DRAWN_PAGES: Final = """
CREATE OR REPLACE TEMP TABLE audit_drawn AS
SELECT page_id, lines AS page_lines, stratum, stratum_pages, drawn,
  row_number() OVER (PARTITION BY stratum ORDER BY md5($seed || ':' || page_id)) AS place
FROM audit_pages JOIN audit_cells USING (cell)
QUALIFY place <= drawn
"""

# The order of work takes the strata in turn, so that whatever is done when people stop is a sample as well.
_DRAWN_LINES: Final = f"""
WITH placed AS (
  SELECT l.*, row_number() OVER (PARTITION BY page_id ORDER BY md5($seed || ':' || line_id)) AS line_place
  FROM lines l SEMI JOIN audit_drawn USING (page_id) WHERE {_READ}
  QUALIFY line_place <= $per_page)
SELECT
  CAST(row_number() OVER (ORDER BY (place - 0.5) / drawn, stratum, page_id, line_order) AS INTEGER) AS number,
  line_id, page_id, doc_id, collection, source_path, page_number, line_order, x0, y0, x1, y1, polygon_x, polygon_y,
  direction, script, hand, text, confidence, engine, engine_version, model_sha256,
  run_id AS read_run_id, created_at AS read_at, stratum, stratum_pages, CAST(page_lines AS INTEGER) AS page_lines,
  stratum_pages / drawn * page_lines / least(page_lines, $per_page) AS weight,
  row_number() OVER (ORDER BY md5($seed || ':double:' || line_id)) <= $doubles AS "double",
  '' AS picture_sha256, $seed AS seed
FROM placed JOIN audit_drawn USING (page_id)
ORDER BY number
"""
