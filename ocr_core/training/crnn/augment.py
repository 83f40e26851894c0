"""Distortion of cached lines: other borders, other slants, other pens, other paper.

Images are grey uint8 [rows, columns], ink towards 0 on 255, except strips of the cache, which are as scanned.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.ground import even_out, fade_outside
from ocr_core.training.crnn.config import AugmentSettings
from ocr_core.training.data.cache import NOMINAL, CachedLine

Grey = NDArray[np.uint8]


def plain(line: CachedLine, height: int) -> Grey:
    """The line as inference sees it: nominal region, masked, evened, `height` pixels high."""
    region = line.nominal()
    width = max(4, round(region.shape[1] * height / region.shape[0]))
    how = cv2.INTER_AREA if region.shape[0] > height else cv2.INTER_LINEAR
    return even_out(np.asarray(cv2.resize(region, (width, height), interpolation=how), dtype=np.uint8))


def distorted(
    line: CachedLine, height: int, rng: np.random.Generator, settings: AugmentSettings, views: int = 1
) -> list[Grey]:
    """Views of a line with the same random borders and geometry, each with ink of its own and other letters hidden.

    Returns:
        As many images of one size, `height` pixels high and about as wide as the line.
    """
    if rng.random() >= settings.probability:
        return [plain(line, height)] * views
    bent = _bend(even_out(_bordered(line, rng)), line, height, rng, settings.geometry)
    images = []
    for _ in range(views):
        image = _ink(bent, rng, settings.ink) if settings.ink > 0 else bent.copy()
        if settings.hide > 0:
            _hide(image, rng, settings.hide)
        images.append(image)
    return images


def _bordered(line: CachedLine, rng: np.random.Generator) -> Grey:
    """The strip with its mask as it is, moved, widened or lifted."""
    if line.mask is None or rng.random() < 0.25:
        return line.pixels
    mask = line.mask
    change = int(rng.integers(-1, 6))
    if change:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(change) + 1, 2 * abs(change) + 1))
        mask = np.asarray((cv2.dilate if change > 0 else cv2.erode)(mask, kernel), dtype=np.uint8)
    return fade_outside(line.pixels, mask)


def _bend(image: Grey, line: CachedLine, height: int, rng: np.random.Generator, strength: float) -> Grey:
    """Scale, shift, shear, rotate and wave the strip into a picture `height` pixels high, in one resampling."""
    _rows, columns = image.shape
    region_width = columns - 2 * line.left
    scale = NOMINAL / height
    stretch = float(np.exp(rng.normal(0, 0.10 * strength)))
    zoom = float(np.exp(rng.normal(0.02, 0.07 * strength)))
    room = NOMINAL / 16 * strength
    start, end = rng.uniform(-room, room, 2) if line.left else rng.uniform(0, room / 2, 2)
    width = max(8, round((region_width + start + end) / scale * stretch))
    u = np.arange(width, dtype=np.float32) + np.float32(0.5)
    v = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5 - height / 2)
    x = line.left - start + u * np.float32((region_width + start + end) / width)
    wave = _smooth_noise(width, height * rng.uniform(0.7, 2.0), rng) * (0.035 * NOMINAL * strength)
    sway = _smooth_noise(width, height * rng.uniform(0.5, 1.5), rng) * (0.035 * NOMINAL * strength)
    shear = float(rng.normal(0, 0.16 * strength))
    slope = float(rng.normal(0, 0.008 * strength))
    shift = float(rng.normal(0, 0.04 * strength)) * NOMINAL
    centre = line.top + NOMINAL / 2 + shift
    local = 1 + 0.06 * strength * _smooth_noise(width, height * 2, rng)
    tilt = np.clip(slope * (x - columns / 2), -0.12 * NOMINAL, 0.12 * NOMINAL)
    map_x = (x + sway)[None] - np.float32(shear * scale) * v
    map_y = (centre + wave + tilt)[None] + v * np.float32(scale * zoom) * local[None]
    mapped = cv2.remap(
        image,
        map_x.astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=255,
    )
    return np.asarray(mapped, dtype=np.uint8)


def _ink(image: Grey, rng: np.random.Generator, strength: float) -> Grey:
    """Pen width, contrast, ground, blur and grain."""
    kind = rng.random()
    if kind < 0.12 * strength:
        image = np.asarray(cv2.erode(image, _CROSS), dtype=np.uint8)  # thicker: the ink is dark
    elif kind < 0.2 * strength:
        thin = cv2.dilate(image, _CROSS)
        image = np.asarray(cv2.addWeighted(image, 0.5, thin, 0.5, 0), dtype=np.uint8)
    if rng.random() < 0.25 * strength:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9)), dtype=np.uint8)
    depth = 1 - np.float32(rng.beta(1, 3) * 0.6 * min(strength, 1.5))
    gamma = float(np.exp(rng.normal(0, 0.3 * strength)))
    table = 255 - depth * 255 * (1 - np.arange(256, dtype=np.float32) / 255) ** gamma
    ground = rng.uniform(0, 18 * strength)
    table = np.clip(table - ground * (rng.random() < 0.3), 0, 255).astype(np.float32)
    out = np.asarray(cv2.LUT(image, table), dtype=np.float32)
    if rng.random() < 0.4 * strength:
        out += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(2, 12))
    if rng.random() < 0.15 * strength:
        _blot(out, rng)
    return np.clip(out, 0, 255).astype(np.uint8)


def _blot(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Blank out, or ink over, one to three small spots, in place."""
    rows, columns = image.shape
    for _ in range(int(rng.integers(1, 4))):
        h, w = int(rng.integers(3, rows // 2)), int(rng.integers(2, 9))
        y, x = int(rng.integers(0, rows - h)), int(rng.integers(0, max(1, columns - w)))
        image[y : y + h, x : x + w] = 255 if rng.random() < 0.7 else rng.uniform(60, 200)


def _hide(image: Grey, rng: np.random.Generator, share: float) -> None:
    """Cover about a share of the columns by bands of ground up to a letter wide, in place."""
    rows, columns = image.shape
    mean = rows / 4
    for _ in range(int(rng.poisson(share * columns / mean))):
        width = int(rng.uniform(0.3, 1.7) * mean)
        start = int(rng.integers(0, max(1, columns - width)))
        image[:, start : start + width] = 255


def _smooth_noise(length: int, step: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Standard normal values every `step` places, cubic between: float32 [length]."""
    knots = rng.standard_normal(max(2, round(length / step) + 2)).astype(np.float32)
    return np.asarray(
        cv2.resize(knots[None], (length, 1), interpolation=cv2.INTER_CUBIC)[0], dtype=np.float32
    )


_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
