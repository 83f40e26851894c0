"""Masks of ink: uint8 ``[height, width]``, 255 where ink is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]


def cropped(mask: Mask, margin: int) -> Mask:
    """What holds ink, with a margin of empty rows and columns."""
    rows, columns = np.flatnonzero(mask.max(axis=1) > 40), np.flatnonzero(mask.max(axis=0) > 40)
    if not len(rows):
        return mask
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cv2.copyMakeBorder(inner, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0).astype(
        np.uint8
    )


def smooth_noise(shape: tuple[int, ...], cell: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of about unit variance, float32, that changes over about `cell` pixels."""
    rows, columns = shape
    small = rng.normal(0, 1, (rows // cell + 2, columns // cell + 2)).astype(np.float32)
    return (
        cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
        .astype(np.float32)
        .reshape(rows, columns)
    )


def as_uint8(values: object) -> NDArray[np.uint8]:
    return np.asarray(values, dtype=np.uint8)
