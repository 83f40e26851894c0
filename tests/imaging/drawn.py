"""Pages drawn with known lines, to which the answers are known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Page = NDArray[np.uint8]
TEXT = "The quick brown fox jumps over it"


def paper(
    height: int = 1400, width: int = 1000, *, level: float = 225.0, grain: float = 4.0, seed: int = 0
) -> Page:
    values = np.random.default_rng(seed).normal(level, grain, (height, width))
    return np.clip(values, 0, 255).astype(np.uint8)


def write(
    page: Page, baselines: list[int], *, x: int = 80, text: str = TEXT, size: float = 1.2, ink: int = 30
) -> Page:
    """`page` with `text` standing on each of `baselines`."""
    written = page.copy()
    for y in baselines:
        cv2.putText(written, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 2, cv2.LINE_AA)
    return written


def turned(page: Page, clockwise_deg: float) -> Page:
    """The page turned about its middle, its size kept, paper beyond its edges."""
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -clockwise_deg, 1.0)
    return np.asarray(cv2.warpAffine(page, matrix, (width, height), borderValue=225), np.uint8)
