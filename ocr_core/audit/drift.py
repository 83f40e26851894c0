"""Has reading become worse? Audited lines of two runs, engines, months or audits compared, collection by collection.

The difference of two rates has the variance of its influences, page by page, so that a page that stands on both sides
counts once: the same lines read by two engines are a far sharper comparison than two samples. Both sides are taken for
samples of what a reader does to such pages, not for these pages alone. Many comparisons find something by chance: p values
are corrected (Holm 1979), and a change must also be large enough to matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ocr_core.audit.intervals import LEVEL, Clusters, Floats, Rate, holm, interval
from ocr_core.audit.text import NORMALISATIONS, RAW
from ocr_core.audit.weights import SampleWeights
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
ALPHA: Final = 0.01
MINIMUM: Final = 0.005
EVERYTHING: Final = "all"


@dataclass(frozen=True, slots=True)
class AuditRows:
    """Audited lines, each an entry of every array.

    Attributes:
        source: the audit and label that measured it; weights are right within one.
        side: its run, engine, month or audit.
    """

    source: NDArray[Any]
    side: NDArray[Any]
    collection: NDArray[Any]
    page: NDArray[Any]
    stratum: NDArray[Any]
    stratum_pages: Floats
    page_lines: Floats
    errors: Floats
    totals: Floats


@dataclass(frozen=True, slots=True)
class Comparison:
    """One collection before and after.

    Attributes:
        difference: after less before; positive is worse. None of its bounds with fewer than two pages on a side.
        p: of a difference at least as large if there were none; `adjusted` for all comparisons made with it.
        verdict: `worse`, `better`, or `no change` that could be told and is large enough.
    """

    collection: str
    lines: tuple[int, int]
    pages: tuple[int, int]
    before: Rate
    after: Rate
    difference: Rate
    p: float
    adjusted: float
    verdict: str


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


def compare(
    rows: AuditRows, before: str, after: str, *, alpha: float = ALPHA, minimum: float = MINIMUM
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Compare two sides in each collection that both have, and over all of these if there are several. Returns also the
    collections that only one side has."""
    sides = _Side(rows, before), _Side(rows, after)
    found = [set(np.unique(rows.collection[rows.side == side]).tolist()) for side in (before, after)]
    shared = sorted(found[0] & found[1])
    scopes = [(name, [name]) for name in shared] + ([(EVERYTHING, shared)] if len(shared) > 1 else [])
    parts = [(name, *(side.clusters(chosen) for side in sides)) for name, chosen in scopes]
    tests = [_difference(old, new) for _, old, new in parts]
    adjusted = holm([p for _, p in tests])
    comparisons = tuple(
        Comparison(
            collection=name,
            lines=(old.lines, new.lines),
            pages=(old.pages, new.pages),
            before=interval(old.clusters),
            after=interval(new.clusters),
            difference=difference,
            p=p,
            adjusted=corrected,
            verdict=_verdict(difference.value, corrected, alpha, minimum),
        )
        for (name, old, new), (difference, p), corrected in zip(parts, tests, adjusted, strict=True)
    )
    return comparisons, tuple(sorted(found[0] ^ found[1]))


@dataclass(frozen=True, slots=True)
class _Part:
    """A side within some collections; `names` are the pages of the clusters, `strata` their strata's names."""

    clusters: Clusters
    names: list[str]
    strata: list[str]
    lines: int
    pages: int


class _Side:
    """The lines of one side, with the weights that they have among all lines of their audits."""

    def __init__(self, rows: AuditRows, side: str) -> None:
        self._rows = rows
        chosen = np.isin(rows.source, np.unique(rows.source[rows.side == side]))
        self._index = np.flatnonzero(chosen)
        self._inside = rows.side[chosen] == side
        keys = [f"{s}\t{p}" for s, p in zip(rows.source[chosen], rows.page[chosen], strict=True)]
        strata = [f"{s}\t{h}" for s, h in zip(rows.source[chosen], rows.stratum[chosen], strict=True)]
        self._weights = SampleWeights(keys, strata, rows.stratum_pages[chosen], rows.page_lines[chosen])
        names, first = np.unique(keys, return_index=True)
        self._names = [str(name).partition("\t")[2] for name in names]
        # Without the label: the same page in the same audit, read twice, is one page of one stratum.
        self._strata = [
            f"{str(strata[i]).partition(' ')[0]}\t{strata[i].partition(chr(9))[2]}" for i in first
        ]

    def clusters(self, collections: Sequence[str]) -> _Part:
        rows, index = self._rows, self._index
        inside = self._inside & np.isin(rows.collection[index], collections)
        clusters = self._weights.clusters(rows.errors[index], rows.totals[index], inside)
        of_process = Clusters(
            clusters.errors, clusters.totals, clusters.strata, np.zeros_like(clusters.fractions), np.zeros(3)
        )
        pages = np.unique(rows.page[index][inside])
        return _Part(of_process, self._names, self._strata, int(inside.sum()), len(pages))


def _difference(old: _Part, new: _Part) -> tuple[Rate, float]:
    """After less before with its interval, and the p value of no difference, by Student's t with Satterthwaite's degrees
    of freedom."""
    value = new.clusters.ratio - old.clusters.ratio
    if old.pages < 2 or new.pages < 2:
        return Rate(value), 1.0
    influence: dict[str, float] = {}
    stratum: dict[str, str] = {}
    for part, sign in ((old, -1.0), (new, 1.0)):
        for page, own, u in zip(part.names, part.strata, part.clusters.influence.tolist(), strict=True):
            influence[page] = influence.get(page, 0.0) + sign * u
            stratum.setdefault(page, own)
    u = np.array(list(influence.values()))
    _, numbers = np.unique(list(stratum.values()), return_inverse=True)
    variance, freedom = _variance(u, numbers)
    if variance <= 0:
        return Rate(value, value, value), float(abs(value) < 1e-12)
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Rate(value, value - reach, value + reach), float(2 * stats.t.sf(abs(value) / error, freedom))


def _variance(u: Floats, strata: NDArray[np.int64]) -> tuple[float, float]:
    """Variance of the sum of pages in strata, and its degrees of freedom. Strata of one page are put together."""
    counts = np.bincount(strata)
    strata = np.where(counts[strata] < 2, len(counts), strata)
    _, strata = np.unique(strata, return_inverse=True)
    counts = np.bincount(strata).astype(np.float64)
    means = np.bincount(strata, u) / counts
    squares = np.bincount(strata, (u - means[strata]) ** 2)
    parts = squares * counts / np.maximum(counts - 1, 1)
    total = float(parts.sum())
    if total <= 0:
        return 0.0, 1.0
    return total, max(total**2 / float((parts**2 / np.maximum(counts - 1, 1)).sum()), 1.0)


def _verdict(difference: float, p: float, alpha: float, minimum: float) -> str:
    if p >= alpha or abs(difference) < minimum:
        return "no change"
    return "worse" if difference > 0 else "better"


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
