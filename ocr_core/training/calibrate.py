"""Confidence that means something: of lines with confidence 0.9, nine in ten characters are right.

Measured on held-out documents; the line that leads from raw confidence to share of characters read right is found by
isotonic regression (pool adjacent violators; Zadrozny and Elkan, KDD 2002) and stored in the model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Values = NDArray[np.float64]
_BINS = 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """Points (raw confidence, share right) of a rising line, and the calibration error it leaves on other documents."""

    points: tuple[tuple[float, float], ...]
    error: float


def calibrate(
    truths: Sequence[str], readings: Sequence[str], raw: Sequence[float], documents: Sequence[str]
) -> Calibration:
    """Calibration from readings of held-out lines, all sequences of the same length."""
    right = np.array([line_accuracy(t, r) for t, r in zip(truths, readings, strict=True)])
    weights = np.array([max(len(t), 1) for t in truths], dtype=np.float64)
    values = np.asarray(raw, dtype=np.float64)
    return Calibration(
        fit_calibration(values, right, weights), cross_checked_error(values, right, weights, documents)
    )


def line_accuracy(truth: str, reading: str) -> float:
    """Share of characters read right, 0..1: 1 minus the error rate over the longer of the two."""
    return 1 - Levenshtein.distance(truth, reading) / max(len(truth), len(reading), 1)


def fit_calibration(raw: Values, right: Values, weights: Values) -> tuple[tuple[float, float], ...]:
    """Points of a line that never falls, from raw confidence to the share of characters right.

    It begins at (0, 0): held-out lines are all writing; what is none is surer to be wrong than the worst of them.

    Args:
        raw: float [n], 0..1.
        right: float [n], `line_accuracy` of the same lines.
        weights: float [n], their lengths.
    """
    order = np.argsort(raw, kind="stable")
    blocks: list[list[float]] = []  # raw · weight, right · weight, weight
    for part in np.array_split(order, min(_BINS, len(order))):
        w = float(weights[part].sum())
        blocks.append(
            [float((raw[part] * weights[part]).sum()), float((right[part] * weights[part]).sum()), w]
        )
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return ((0.0, 0.0), *((round(x / w, 4), round(y / w, 4)) for x, y, w in blocks if w > 0))


def expected_calibration_error(confidence: Values, right: Values, weights: Values, bins: int = 10) -> float:
    """Mean distance between confidence and share right over equal steps of confidence, weighted (Guo et al. 2017)."""
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    total = 0.0
    for b in range(bins):
        here = which == b
        if here.any():
            gap = np.average(confidence[here], weights=weights[here]) - np.average(
                right[here], weights=weights[here]
            )
            total += abs(float(gap)) * float(weights[here].sum())
    return total / float(weights.sum())


def cross_checked_error(raw: Values, right: Values, weights: Values, groups: Sequence[str]) -> float:
    """Calibration error of documents under the line fitted to the other half of them; NaN with only one document."""
    names = sorted(set(groups))
    half = np.array([names.index(g) % 2 for g in groups])
    if len(names) < 2:
        return float("nan")
    given = np.empty_like(raw)
    for side in (0, 1):
        line = np.array(fit_calibration(raw[half != side], right[half != side], weights[half != side]))
        given[half == side] = np.interp(raw[half == side], line[:, 0], line[:, 1])
    return expected_calibration_error(given, right, weights)
