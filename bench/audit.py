#!/usr/bin/env python3
"""What the audit promises, measured: how often intervals hold the true rate, and how often drifts are found.

    python bench/audit.py [--samples N] [--trials N] [--only coverage|methods|drift] [--seed N]

All data are synthetic; their true rates are known. `coverage`: a library of noised texts, samples drawn by
`ocr_core.audit.sampling.draw` as the command draws them. `methods`: kinds of intervals on pages whose error rates follow
Beta distributions. `drift`: two samples of ten collections of 2,000 lines, in one of which a point was added, and of 400
lines without any change.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.audit.test_drift import COLLECTIONS, audited

from ocr_core.audit.metrics.intervals import Clusters, interval
from ocr_core.audit.results.compare import compare
from ocr_core.audit.sampling.draw import Design, draw_from, read_frame
from ocr_core.audit.sampling.weights import SampleWeights
from tests.audit.noised import Noise, noised_library

Bounds = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--trials", type=int, default=150, help="of drifts")
    parser.add_argument("--only", choices=["coverage", "methods", "drift"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.only in (None, "coverage"):
        coverage(options.samples, options.seed)
    if options.only in (None, "methods"):
        methods(options.samples, options.seed)
    if options.only in (None, "drift"):
        drifts(options.trials, options.seed)


def coverage(samples: int, seed: int) -> None:
    """Intervals of whole samples against the true rate of the library they are drawn from."""
    noise = {"letters": Noise(1.5, 12), "books": Noise(1, 40, "other")}
    with tempfile.TemporaryDirectory() as folder:
        made = noised_library(Path(folder) / "library", noise, 400, seed=seed)
        edits = {
            k: sum(a != b for a, b in zip(t, made.readings[k], strict=True)) for k, t in made.truths.items()
        }
        truth = sum(edits.values()) / sum(map(len, made.truths.values()))
        print(
            f"coverage: {len(made.truths)} lines on 800 pages, error rate {100 * truth:.2f} %, {samples} samples each"
        )
        print("lines\ta page\theld\tmean\tits deviation\tmean standard error")
        with closing(made.library.connect()) as con:
            con.execute(
                "CREATE TEMP TABLE lines AS FROM main.lines; CREATE TEMP TABLE pages AS FROM main.pages"
            )
            for design in (
                Design(lines=150, per_page=1),
                Design(lines=400),
                Design(lines=400, per_page=4),
                Design(lines=3000, per_page=6),
            ):
                frame = read_frame(con, design)
                held, values, errors = 0, [], []
                for number in range(samples):
                    rows = draw_from(con, frame, replace(design, seed=f"{seed}/{number}")).rows
                    names = ("page_id", "stratum", "stratum_pages", "page_lines")
                    weights = SampleWeights(*([row[name] for row in rows] for name in names))
                    lengths = [len(made.truths[row["line_id"]]) for row in rows]
                    clusters = weights.clusters([edits[row["line_id"]] for row in rows], lengths)
                    rate = interval(clusters)
                    held += rate.low <= truth <= rate.high
                    values.append(rate.value)
                    errors.append(clusters.standard_error)
                told = "\t".join(
                    f"{100 * v:.3f} %" for v in (np.mean(values), np.std(values), np.mean(errors))
                )
                print(f"{len(rows)}\t{design.per_page}\t{100 * held / samples:.1f} %\t{told}", flush=True)


def methods(samples: int, seed: int) -> None:
    """Kinds of intervals on pages of 2 to 5 lines."""
    rng = np.random.default_rng(seed)
    print(
        f"methods: of {samples} samples, the share that held the true rate; pages of Beta-distributed error rates"
    )
    print("Beta\tpages\tbootstrap-t\tpercentile\tBCa\tStudent's t")
    for a, b in ((4.0, 16.0), (0.7, 7.0)):
        totals = rng.poisson(45 * rng.integers(2, 6, 20_000)) + 5.0
        errors = rng.binomial(totals.astype(int), rng.beta(a, b, 20_000)).astype(float)
        truth = errors.sum() / totals.sum()
        for pages in (5, 10, 20, 40, 100):
            held = np.zeros(4)
            for _ in range(samples):
                drawn = rng.choice(20_000, pages, replace=False)
                clusters = Clusters.of(errors[drawn], totals[drawn])
                for number, method in enumerate((ours, percentile, bca, student)):
                    low, high = method(clusters, rng)
                    held[number] += low <= truth <= high
            print(
                f"{a:g}, {b:g}\t{pages}\t" + "\t".join(f"{100 * h / samples:.1f} %" for h in held), flush=True
            )


def ours(clusters: Clusters, rng: np.random.Generator) -> Bounds:
    rate = interval(clusters)
    return rate.low or 0.0, rate.high or 0.0


def percentile(clusters: Clusters, rng: np.random.Generator) -> Bounds:
    low, high = np.percentile(_drawn(clusters, rng), (2.5, 97.5))
    return low, high


def bca(clusters: Clusters, rng: np.random.Generator) -> Bounds:
    drawn = _drawn(clusters, rng)
    e, c = clusters.errors, clusters.totals
    bias = stats.norm.ppf(np.clip((drawn < clusters.ratio).mean(), 1e-4, 1 - 1e-4))
    left_out = (e.sum() - e) / (c.sum() - c)
    d = left_out.mean() - left_out
    skew = (d**3).sum() / (6 * max((d**2).sum(), 1e-30) ** 1.5)
    z = bias + np.array([-1.96, 1.96])
    low, high = np.quantile(drawn, stats.norm.cdf(bias + z / (1 - skew * z)))
    return low, high


def student(clusters: Clusters, rng: np.random.Generator) -> Bounds:
    reach = stats.t.ppf(0.975, len(clusters.errors) - 1) * clusters.standard_error
    return clusters.ratio - reach, clusters.ratio + reach


def _drawn(clusters: Clusters, rng: np.random.Generator) -> np.ndarray:
    n = len(clusters.errors)
    picked = rng.integers(0, n, (1000, n))
    return clusters.errors[picked].sum(axis=1) / clusters.totals[picked].sum(axis=1)


def drifts(trials: int, seed: int) -> None:
    """Alarms where there is nothing, and where one collection of ten became worse by a point."""
    worse = COLLECTIONS | {"c4": COLLECTIONS["c4"] + 0.01}

    def count(after: dict[str, float], lines: int, wanted: Callable[[str, str], bool]) -> int:
        hits = 0
        for trial in range(trials):
            rows = audited(np.random.default_rng((seed, trial)), COLLECTIONS, after, lines)
            hits += any(wanted(c.collection, c.verdict) for c in compare(rows, "old", "new")[0])
        return hits

    changed = count(COLLECTIONS, 400, lambda name, verdict: verdict != "no change")
    print(
        f"drift: {changed} of {trials} trials with ten unchanged collections of 400 lines told of any change"
    )
    found = count(worse, 2000, lambda name, verdict: name == "c4" and verdict == "worse")
    print(
        f"drift: {found} of {trials} trials found one point in one of ten collections of 2,000 lines",
        flush=True,
    )


if __name__ == "__main__":
    main()
