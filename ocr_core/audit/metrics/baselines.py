"""How well baselines are found: the measure of the cBAD competitions.

After Grüning, Labahn, Diem, Kleber and Fiel, "READ-BAD: A New Dataset and Evaluation Scheme for Baseline Detection in
Archival Documents" (DAS 2018), as used in Diem et al., "cBAD: ICDAR2019 Competition on Baseline Detection". Recall is how
much of each true baseline is covered by any found one, precision how much of each found baseline is covered by the one true
baseline it is paired with: a line found in two pieces costs precision, two lines run together cost it too, and neither
costs recall.

Written from the description of the measure and checked by cases worked by hand, not against the evaluator of its authors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Points = NDArray[np.float64]

_TOLERANCE = 0.25
"""Share of the distance between lines within which a point is covered; from there to three times as far it counts less."""
_FARTHEST = 250.0
"""Pixels: lines further apart are no neighbours."""
_BESIDE = 10.0
"""Pixels along a line within which a point of another one lies above or below a point of it."""
_LONE = 40.0
"""Pixels between lines that a page counts with whose lines have no neighbours."""


@dataclass(frozen=True, slots=True)
class BaselineRates:
    """Of one page, or the means over pages, each 0..1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def baseline_rates(true: Sequence[Points], found: Sequence[Points]) -> BaselineRates:
    """Precision and recall of the baselines found on one page.

    Args:
        true, found: polygonal chains, float [n, 2], in pixels of the page. A page without any of one kind has 1 for the
            rate that none could lower, and where the other kind has some 0 for the other.
    """
    if not true or not found:
        return BaselineRates(float(not found or bool(true)), float(not true))
    truth, said = [even_chain(b) for b in true], [even_chain(b) for b in found]
    reach = tolerances(truth)
    everything = KDTree(np.concatenate(said))
    recall = float(np.mean([_share(everything.query(g)[0], t) for g, t in zip(truth, reach, strict=True)]))
    covered = np.zeros((len(said), len(truth)))
    for column, (g, t) in enumerate(zip(truth, reach, strict=True)):
        tree = KDTree(g)
        low, high = g.min(axis=0) - 3 * t, g.max(axis=0) + 3 * t
        for row, h in enumerate(said):
            if (h.max(axis=0) >= low).all() and (h.min(axis=0) <= high).all():
                covered[row, column] = _share(tree.query(h)[0], t)
    return BaselineRates(_paired(covered) / len(said), recall)


def mean_rates(pages: Sequence[BaselineRates]) -> BaselineRates:
    """The measure of a set: the means over its pages; 0 without pages."""
    if not pages:
        return BaselineRates(0.0, 0.0)
    return BaselineRates(
        float(np.mean([p.precision for p in pages])), float(np.mean([p.recall for p in pages]))
    )


def even_chain(points: Points) -> Points:
    """The chain with points about a pixel apart."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, steps[-1], max(2, round(float(steps[-1])) + 1))
    return np.stack([np.interp(at, steps, points[:, 0]), np.interp(at, steps, points[:, 1])], axis=1)


def tolerances(chains: Sequence[Points]) -> NDArray[np.float64]:
    """A quarter of each true line's distance from its nearest neighbour above or below, at most of the page's mean.

    Args:
        chains: as :func:`even_chain` gives them. Lines without a neighbour take the mean.
    """
    distances = np.array([_apart(chain, chains) for chain in chains])
    known = np.isfinite(distances)
    mean = float(distances[known].mean()) if known.any() else _LONE
    return _TOLERANCE * np.minimum(np.where(known, distances, mean), mean)


def _apart(chain: Points, chains: Sequence[Points]) -> float:
    """The least distance, across the direction of a line, from it to another; infinite where none is near."""
    along = chain[-1] - chain[0]
    along = along / max(float(np.hypot(*along)), 1e-9)
    across = np.array([-along[1], along[0]])
    least = np.inf
    own = chain[::5]
    for other in chains:
        if other is chain:
            continue
        steps = other[::5][None] - own[:, None]
        beside = np.abs(steps @ along) <= _BESIDE
        if beside.any():
            least = min(least, float(np.abs(steps @ across)[beside].min()))
    return least if 0 < least <= _FARTHEST else np.inf


def _share(distances: NDArray[np.float64], tolerance: float) -> float:
    """How much of a chain is covered: its points count 1 up to the tolerance, 0 from three times it, between in between."""
    return float(np.clip((3 * tolerance - distances) / (2 * tolerance), 0, 1).mean())


def _paired(covered: NDArray[np.float64]) -> float:
    """The sum over one-to-one pairs, the best covered first."""
    rest = covered.copy()
    total = 0.0
    for _ in range(min(rest.shape)):
        row, column = np.unravel_index(int(rest.argmax()), rest.shape)
        if rest[row, column] <= 0:
            break
        total += float(rest[row, column])
        rest[row], rest[:, column] = -1, -1
    return total
