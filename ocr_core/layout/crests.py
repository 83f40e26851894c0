"""Courses of lines as functions of x, and the crests of a map from which they are made."""

from __future__ import annotations

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


def crests_of(level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a map [h, w] is higher than just above and not lower than just below."""
    crest = np.zeros(level.shape, bool)
    crest[1:-1] = (level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:])
    return crest
