"""Audited lines of two runs, engines, months or audits compared, collection by collection.

The difference of two rates has the variance of its influences, page by page, so that a page that stands on both sides
counts once: the same lines read by two engines are a far sharper comparison than two samples. Both sides are taken for
samples of what a reader does to such pages, not for these pages alone. Many comparisons find something by chance: p values
are corrected (Holm 1979), and a change must also be large enough to matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ocr_core.audit.metrics.intervals import LEVEL, Clusters, Floats, Rate, holm, interval
from ocr_core.audit.sampling.weights import SampleWeights

ALPHA: Final = 0.01
"""The chance of any false alarm."""
MINIMUM: Final = 0.005
"""A smaller difference of rates is no change."""
EVERYTHING: Final = "all"
"""What the comparison over all collections is called."""


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
