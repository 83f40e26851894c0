"""Courses of lines as functions of x, and the crests of a map from which they are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Course:
    """One y a column.

    Attributes:
        x0: first column.
        ys: float64 [columns].
    """

    x0: int
    ys: NDArray[np.float64]

    @property
    def x1(self) -> int:
        """Column behind the last."""
        return self.x0 + len(self.ys)


def distance(one: Course, other: Course) -> tuple[int, float]:
    """How many columns two courses share, and the mean of their distance there, pixels; infinite where they share none."""
    a, b = max(one.x0, other.x0), min(one.x1, other.x1)
    if b <= a:
        return 0, np.inf
    return b - a, float(
        np.abs(one.ys[a - one.x0 : b - one.x0] - other.ys[a - other.x0 : b - other.x0]).mean()
    )


def smoothed(ys: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Means, [n], over `reach` columns to either side, the nearer the weightier (a Hann window).

    The ends are continued by point reflection, which keeps slopes; what is no longer than `reach` stays as it is.
    """
    if not 0 < reach < len(ys):
        return ys
    kernel = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(ys, reach, mode="reflect", reflect_type="odd")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def enlarged_ys(
    ys: NDArray[np.float64], starts: int, x0: int, x1: int, across: float, down: float
) -> NDArray[np.float64]:
    """The ys, [x1 - x0], of a course in columns `x0` to `x1` of a map so many times as large across and down.

    Args:
        ys: of the course on the smaller map, where it starts in column `starts`.
    """
    at = (np.arange(x0, x1) + 0.5) / across - 0.5 - starts
    return (np.interp(at, np.arange(len(ys)), ys) + 0.5) * down - 0.5


def longest_run(free: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(int)))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    k = int(np.argmax(lengths))
    return int(edges[2 * k]), int(lengths[k])


def crest_pixels(
    crest: NDArray[np.bool_], level: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """x, y and the number of the connected crest of its pixels, one a column: where a crest forks, the highest.

    They are sorted by crest, then by x.

    Args:
        crest: [h, w], where `level` has crests.
    """
    _, labels = cv2.connectedComponents(crest.astype(np.uint8), connectivity=8)
    ys, xs = np.nonzero(labels)
    which = labels[ys, xs].astype(np.intp)
    order = np.lexsort((level[ys, xs], xs, which))
    ys, xs, which = ys[order], xs[order], which[order]
    last = np.ones(len(xs), bool)
    last[:-1] = (xs[1:] != xs[:-1]) | (which[1:] != which[:-1])
    return xs[last], ys[last], which[last]


def chains(bridges: Iterable[tuple[float, int, int]], count: int) -> list[list[int]]:
    """Pieces 0 … `count` - 1 joined end to start, cheapest bridge first, each end and each start once.

    Args:
        bridges: (cost, left piece, right piece); none may lead back to a piece on the left.
    """
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, i, j in sorted(bridges):
        if i not in after and j not in before:
            after[i], before[j] = j, i
    found = []
    for first in range(count):
        if first not in before:
            chain = [first]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            found.append(chain)
    return found


def crests_of(level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a map [h, w] is higher than just above and not lower than just below."""
    crest = np.zeros(level.shape, bool)
    crest[1:-1] = (level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:])
    return crest
