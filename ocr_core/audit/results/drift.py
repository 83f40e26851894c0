"""Has reading become worse? Two sides of the audits in a library, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ocr_core.audit.metrics.text import NORMALISATIONS, RAW
from ocr_core.audit.results.compare import ALPHA, MINIMUM, AuditRows, Comparison, compare
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.library import Library

SIDES: Final[Mapping[str, str]] = {
    "run": "audited_run_id",
    "engine": "engine || ' ' || engine_version",
    "month": "strftime(read_at, '%Y-%m')",
    "audit": "audit_id || CASE label WHEN 'drawn' THEN '' ELSE ' ' || label END",
}
"""What can be compared, and how rows of `audits` tell it."""
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "cer": ("char_edits", "chars"),
    "wer": ("word_edits", "words"),
}


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What changed between `before` and `after`, two values of `by`. `missing` collections are on one side only."""

    by: str
    before: str
    after: str
    measure: str
    normalisation: str
    alpha: float
    minimum: float
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]

    def alarms(self, above: float = 0.0) -> list[Comparison]:
        """Collections that became worse by more than `above`."""
        return [c for c in self.comparisons if c.verdict == "worse" and c.difference.value > above]


def drift(
    library: Library,
    *,
    by: str = "run",
    before: str = "",
    after: str = "",
    measure: str = "cer",
    normalisation: str = RAW,
    alpha: float = ALPHA,
    minimum: float = MINIMUM,
) -> DriftReport:
    """Compare two sides of the audits in a library.

    Args:
        by: of `SIDES`.
        before, after: the sides; by default the newest, and the one before it, by when their lines were read.
        measure: of `MEASURES`.
        alpha: the chance of any false alarm.
        minimum: a smaller difference is no change, 0..1.

    Raises:
        UsageError: no such side, measure or normalisation.
        NothingToDo: there are no two sides yet.
    """
    for name, value, known in (
        ("by", by, SIDES),
        ("measure", measure, MEASURES),
        ("as", normalisation, NORMALISATIONS),
    ):
        if value not in known:
            raise UsageError(f"Not a value of --{name}: {value!r}", remedy=f"One of {', '.join(known)}.")
    rows, sides = _rows(library, by, measure, normalisation)
    after = after or next((side for side in reversed(sides) if side != before), "")
    before = before or next((side for side in reversed(sides) if side != after), "")
    for side in (before, after):
        if side and side not in sides:
            raise UsageError(
                f"No audited line is of {by} {side!r}.", remedy=f"There are: {', '.join(sides)}."
            )
    if not before or not after or before == after:
        raise NothingToDo(
            f"There are no two {by}s to compare; audited so far: {', '.join(sides) or 'nothing'}.",
            remedy="Audit another one; or when pages were read again, measure the same lines: "
            "warraq audit report --label today",
        )
    comparisons, missing = compare(rows, before, after, alpha=alpha, minimum=minimum)
    return DriftReport(by, before, after, measure, normalisation, alpha, minimum, comparisons, missing)


def _rows(library: Library, by: str, measure: str, normalisation: str) -> tuple[AuditRows, list[str]]:
    """The audited lines, and the sides in the order in which their lines were read. A line that was measured several times
    for one side counts once, as the newest report has it."""
    edits, length = MEASURES[measure]
    query = f"""
        WITH told AS (
          SELECT audit_id || ' ' || label AS source, {SIDES[by]} AS side, collection, page_id, stratum, stratum_pages,
            page_lines, {edits} AS errors, {length} AS totals, read_at
          FROM audits WHERE normalisation = $normalisation
          QUALIFY row_number() OVER (PARTITION BY audit_id, side, line_id ORDER BY created_at DESC) = 1)
        SELECT * FROM told ORDER BY source, page_id
    """
    table = library.reading(
        lambda con: con.sql(query, params={"normalisation": normalisation}).to_arrow_table(), results=False
    )
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    newest: dict[str, Any] = {}
    for side, read_at in zip(columns["side"], columns["read_at"], strict=True):
        newest[side] = max(newest.get(side, read_at), read_at)
    rows = AuditRows(
        columns["source"], columns["side"], columns["collection"], columns["page_id"], columns["stratum"],
        *(columns[name].astype(np.float64) for name in ("stratum_pages", "page_lines", "errors", "totals")),
    )  # fmt: skip
    return rows, sorted(newest, key=lambda side: (newest[side], side))
