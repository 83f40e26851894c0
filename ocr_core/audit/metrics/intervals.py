"""Intervals of ratios that are measured on clusters, such as error rates on pages.

A rate is a ratio of two sums, errors over length, both weighted. The interval is a bootstrap-t interval over pages: pages
are drawn again with replacement in each stratum, each draw is studentised with the linearised standard error of its own
ratio, and the quantiles of these t values take the place of ±1.96 (Hall 1988; Efron and Tibshirani 1993, chapter 12;
strata as in Rao and Wu 1988). Percentile and BCa intervals hold the
true rate too seldom where pages are few or errors pile up on some: of 400 samples of five pages whose rates are spread as
Beta(4, 16) in 84 of a hundred each, of twenty pages spread as Beta(0.7, 7) in 90; this one in 97 and 94
(`bench/audit.py --only methods`).

The standard error knows that a large share of the pages may have been drawn, and counts what varies within pages for the
share that was not read there (Cochran 1977, chapter 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

DRAWS = 1000
LEVEL = 0.95
_FEWEST_PAGES, _FEW_PAGES = 6, 10
"""Below the one the interval is Student's: drawn again, so few pages are now and then almost alike, and their t values
know no bounds. Below the other it is at least as wide as Student's."""
_LEAST_ERROR = 1e-9
"""Standard errors below this are taken for 0."""
_MOST_NUMBERS = 2_000_000
"""Drawn at once, for the sake of memory."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate and its 95 % interval; the bounds are None with fewer than two pages."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Clusters:
    """Sums by page, all weighted.

    Attributes:
        errors, totals: [pages].
        strata: [pages], the number of each page's stratum, from 0.
        fractions: [strata], the share of the stratum's pages that these are, 0..1.
        within: [3], what pages vary in themselves, summed over pages: of errors, of both, of totals (see `design`).
    """

    errors: Floats
    totals: Floats
    strata: NDArray[np.int64]
    fractions: Floats
    within: Floats

    @classmethod
    def of(cls, errors: ArrayLike, totals: ArrayLike) -> Clusters:
        """Pages that are a small share of all, in one stratum."""
        e, c = np.asarray(errors, dtype=np.float64), np.asarray(totals, dtype=np.float64)
        return cls(e, c, np.zeros(len(e), dtype=np.int64), np.zeros(1), np.zeros(3))

    @property
    def ratio(self) -> float:
        return float(self.errors.sum() / max(self.totals.sum(), 1.0)) if len(self.errors) else 0.0

    @property
    def influence(self) -> Floats:
        """[pages], what each page adds to the ratio, in first order; their sum is 0."""
        return (self.errors - self.ratio * self.totals) / max(self.totals.sum(), 1.0)

    @property
    def standard_error(self) -> float:
        return float(
            np.sqrt(variance_over_pages(self.influence, self.strata, self.fractions) + self._inside())
        )

    def without_empty_strata(self) -> Clusters:
        """The same without strata whose pages add nothing."""
        busy = np.bincount(self.strata, (self.totals > 0) | (self.errors > 0), len(self.fractions)) > 0
        if busy.all():
            return self
        kept, numbers = busy[self.strata], np.cumsum(busy) - 1
        return Clusters(
            self.errors[kept],
            self.totals[kept],
            numbers[self.strata[kept]],
            self.fractions[busy],
            self.within,
        )

    def _inside(self) -> float:
        r, total = self.ratio, max(self.totals.sum(), 1.0)
        return float(max(self.within @ (1.0, -2.0 * r, r * r), 0.0) / total**2)


def variance_over_pages(influence: Floats, strata: NDArray[np.int64], fractions: Floats) -> float:
    """Variance of a sum of independent pages of strata; a stratum of one page adds nothing."""
    count = np.bincount(strata, minlength=len(fractions)).astype(np.float64)
    sums = np.bincount(strata, influence, len(fractions))
    squares = np.bincount(strata, influence**2, len(fractions))
    spread = np.maximum(squares - sums**2 / np.maximum(count, 1), 0.0)
    return float((spread * (1 - fractions) * count / np.maximum(count - 1, 1)).sum())


def interval(clusters: Clusters, seed: int = 0, draws: int = DRAWS) -> Rate:
    """The rate with its bootstrap-t interval.

    Where no page has an error, the upper bound is what the share of pages with any error may still be.
    """
    clusters = clusters.without_empty_strata()
    counts = np.bincount(clusters.strata, minlength=len(clusters.fractions))
    rate, pages = clusters.ratio, int((clusters.totals > 0).sum())
    if pages < 2 or not (counts > 1).any():
        return Rate(rate)
    if not clusters.errors.any():
        return Rate(0.0, 0.0, float(1 - (1 - LEVEL) ** (1 / pages)))
    error = clusters.standard_error
    if error < _LEAST_ERROR:
        return Rate(rate, rate, rate)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, max(int((counts - 1).clip(0).sum()), 1)))
    low, high = -reach, reach
    if pages >= _FEWEST_PAGES:
        t = _t_values(clusters, np.random.default_rng(seed), draws)
        low, high = np.quantile(t, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        if pages < _FEW_PAGES:
            low, high = min(low, -reach), max(high, reach)
    return Rate(rate, max(min(rate - float(high) * error, rate), 0.0), max(rate - float(low) * error, rate))


def _t_values(clusters: Clusters, rng: np.random.Generator, draws: int) -> Floats:
    """[draws or fewer] studentised ratios of pages drawn again; draws that have no spread tell nothing and are left out."""
    e, c = clusters.errors, clusters.totals
    products = np.stack([e, c, e * e, e * c, c * c], axis=1)
    sums = np.zeros((draws, 5))
    spread = np.zeros((draws, 3))  # sums of squares and products about the means of strata
    for stratum in range(len(clusters.fractions)):
        own = products[clusters.strata == stratum]
        n = len(own)
        if n == 0:
            continue
        drawn = _drawn_again(own, rng, draws)
        sums += drawn
        if n > 1:
            ee, ec, cc = drawn[:, 2], drawn[:, 3], drawn[:, 4]
            es, cs = drawn[:, 0], drawn[:, 1]
            spread[:, 0] += n / (n - 1) * (ee - es * es / n)
            spread[:, 1] += n / (n - 1) * (ec - es * cs / n)
            spread[:, 2] += n / (n - 1) * (cc - cs * cs / n)
    some = sums[:, 1] > 0
    sums, spread = sums[some], spread[some]
    ratios = sums[:, 0] / sums[:, 1]
    variances = (spread[:, 0] - 2 * ratios * spread[:, 1] + ratios**2 * spread[:, 2]) / sums[:, 1] ** 2
    sound = variances > _LEAST_ERROR**2
    if not sound.any():
        return np.array([-1.96, 1.96])
    return np.asarray((ratios[sound] - clusters.ratio) / np.sqrt(variances[sound]), dtype=np.float64)


def _drawn_again(rows: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """[draws, columns] sums of as many rows as there are, drawn with replacement."""
    n = len(rows)
    at_once = max(1, _MOST_NUMBERS // n)
    sums = []
    for done in range(0, draws, at_once):
        number = min(at_once, draws - done)
        places = rng.integers(0, n, (number, n)) + n * np.arange(number)[:, None]
        sums.append(np.bincount(places.ravel(), minlength=number * n).reshape(number, n) @ rows)
    return np.concatenate(sums)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for being several (Holm 1979): the chance of any false alarm stays below the level."""
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted
