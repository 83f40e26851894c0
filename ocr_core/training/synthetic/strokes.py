"""From type to handwriting: strokes drawn again with a pen, lines bent, slanted and uneven."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.training.synthetic.masks import Mask, as_uint8, cropped, smooth_noise

_CODE = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


def repen(mask: Mask, width: float, rng: np.random.Generator) -> Mask:
    """Draw the middle of each stroke again with a nib of `width` pixels: broad or round, pressed unevenly.

    A dot becomes the mark that the nib leaves.
    """
    line = thin((mask > 110).astype(np.uint8))
    nibs = []
    angle = float(rng.uniform(0, 180))
    flat = float(rng.uniform(0.35, 1.0))
    for scale in (0.65, 1.0, 1.4):
        side = max(3, 2 * round(width * scale) + 1)
        nib = np.zeros((side, side), np.uint8)
        centre = (side - 1) / 2
        box = ((centre, centre), (max(1.0, width * scale), max(1.0, width * scale * flat)), angle)
        cv2.ellipse(nib, box, 1, -1)
        nib[side // 2, side // 2] = 1
        nibs.append(cv2.dilate(line, nib))
    pressure = smooth_noise(mask.shape, max(8, mask.shape[0] // 2), rng)
    drawn = np.where(pressure < -0.5, nibs[0], np.where(pressure > 0.7, nibs[2], nibs[1]))
    return as_uint8(cv2.GaussianBlur(drawn * np.uint8(255), (0, 0), 0.6))


def thin(binary: Mask) -> Mask:
    """Skeleton of a 0/1 image, one pixel wide.

    Zhang and Suen, *A fast parallel algorithm for thinning digital patterns* (1984), each half-step as one
    look-up over the code of the eight neighbours.
    """
    image = cv2.copyMakeBorder(binary, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    first, second = _thinning_tables()
    for _ in range(64):
        before = image
        for table in (first, second):
            codes = cv2.filter2D(image, cv2.CV_32F, _CODE, borderType=cv2.BORDER_CONSTANT).astype(np.uint8)
            image = cv2.subtract(image, cv2.min(image, cv2.LUT(codes, table)))
        if not cv2.absdiff(before, image).any():
            break
    return as_uint8(image[1:-1, 1:-1])


def warp(mask: Mask, rng: np.random.Generator, bend: float, slant: float) -> Mask:
    """Shear by `slant`, let the baseline wave and the letters distort by `bend` (0..1), and crop again."""
    height = mask.shape[0]
    if bend <= 0 and abs(slant) < 0.01:
        return mask
    room = round(0.15 * height + 4)
    side = round(abs(slant) * height / 2) + room
    padded = cv2.copyMakeBorder(mask, room, room, side, side, cv2.BORDER_CONSTANT, value=0)
    rows, columns = padded.shape
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    wave = bend * height * 0.06 * smooth_noise((1, columns), max(16, 3 * height), rng)
    coarse = bend * height * 0.035
    dx = coarse * smooth_noise(padded.shape, max(6, height // 3), rng)
    dy = coarse * smooth_noise(padded.shape, max(6, height // 3), rng) + wave
    map_x = x + dx + np.float32(slant) * (y - rows / 2)
    bent = cv2.remap(padded, map_x.astype(np.float32), (y + dy).astype(np.float32), cv2.INTER_LINEAR)
    return cropped(as_uint8(bent), max(3, height // 12))


@lru_cache(maxsize=1)
def _thinning_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Which codes of neighbours (bits clockwise from above) allow a pixel to go, in each half-step."""
    tables = np.zeros((2, 256), np.uint8)
    for code in range(256):
        n = [(code >> i) & 1 for i in range(8)]  # p2, p3 … p9 of the paper
        rises = sum(n[i] == 0 and n[(i + 1) % 8] == 1 for i in range(8))
        if 2 <= sum(n) <= 6 and rises == 1:
            tables[0, code] = n[0] * n[2] * n[4] == 0 and n[2] * n[4] * n[6] == 0
            tables[1, code] = n[0] * n[2] * n[6] == 0 and n[0] * n[4] * n[6] == 0
    return tables[0], tables[1]
