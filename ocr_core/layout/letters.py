"""How large the small letters of a line stand in its strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ocr_core.ground import even_out
from ocr_core.records import GreyImage

_SAMPLE = 9
"""Lines of a page that are looked at."""
_FEWEST = 3
_LONG = 3.0
"""Shorter strips, in heights, hold too few letters."""


def x_height_share(strips: Sequence[tuple[GreyImage, float]]) -> float | None:
    """The usual height of small letters on a page as a share of its strips' height, 0..1; None on a page of few lines.

    In handwriting, whose ascenders and descenders fill the strip, it is about 0.22; in print 0.3; in typescript, cut close
    around letters that hardly reach beyond the small ones, up to 0.45.

    Args:
        strips: grey uint8 [height, width] and y of the baseline in it, pixels.
    """
    long = [s for s in strips if s[0].shape[1] >= _LONG * s[0].shape[0]]
    if len(long) < _FEWEST:
        return None
    chosen = [long[i] for i in np.linspace(0, len(long) - 1, min(_SAMPLE, len(long))).round().astype(int)]
    return float(np.median([_share(image, baseline) for image, baseline in chosen]))


def _share(image: GreyImage, baseline: float) -> float:
    """From the baseline up to where rows have less than half the ink of the fullest one, as a share of the height."""
    rows = len(image)
    ink: NDArray[np.float64] = (255.0 - even_out(image)).mean(axis=1)
    foot = min(max(round(baseline), 2), rows - 1)
    above = np.convolve(ink, np.ones(3) / 3, "same")[: foot + 1]
    # Small letters cross the lower half of what is above the baseline; the upper may hold a neighbour's.
    fullest = foot // 2 + int(above[foot // 2 :].argmax())
    light = np.flatnonzero(above[:fullest] < 0.5 * above[fullest])
    return float(foot - (light[-1] + 1 if len(light) else 0)) / rows
