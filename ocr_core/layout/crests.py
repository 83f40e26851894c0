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
