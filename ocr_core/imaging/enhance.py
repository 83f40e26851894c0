"""Steps that may make a page easier to read, each an option: none is taken unless it is asked for.

What each does to error rates is measured by `bench/enhance.py`. Steps run on the pixels that lines are cut from; finding
lines has its own cleaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ocr_core.imaging.background import even
from ocr_core.imaging.masks import median as middle
from ocr_core.imaging.settings import Enhancement
from ocr_core.records import GreyImage

_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_SHARP = 0.2
"""Sharpness from which on writing is as sharp as scanners give it; see :func:`sharpness`."""
_MOST = 1.5
"""Greatest weight of the unsharp mask."""
_NOISY = 3.0
"""Grey levels of noise from which on denoising has something to do."""
_FAINT = 0.3
"""Share of the way from paper to ink: what is fainter is taken for show-through."""


def enhanced(grey: GreyImage, steps: Sequence[Enhancement]) -> GreyImage:
    """The page after the steps, in their order; uint8 [height, width] as before."""
    for step in steps:
        grey = _STEPS[step](grey)
    return grey


def noise_level(grey: GreyImage) -> float:
    """Standard deviation of the noise in grey levels, from the difference of two Laplacians.

    Immerkær (1996), "Fast noise variance estimation"; the median instead of the mean, since strokes are not noise.
    """
    if min(grey.shape) < 3:
        return 0.0
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE_MASK))[1:-1, 1:-1]
    return float(np.median(response)) / (6 * 0.6745)


def sharpness(grey: GreyImage) -> float:
    """How abrupt the edges of strokes are: 0 soft, 0.2 to 0.6 as scanned, 1 as drawn.

    The Laplacian (Pech-Pacheco and others, 2000, "Diatom autofocusing in brightfield microscopy") at the strongest edges, as
    a share of the contrast between paper and ink there.
    """
    if min(grey.shape) < 8:
        return 1.0
    window = np.ones((5, 5), np.uint8)
    contrast = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, window).astype(np.float32)
    edges = contrast > max(30.0, float(np.percentile(contrast, 97)))
    if not edges.any():
        return 1.0
    laplacian = cv2.dilate(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), window)
    return float(np.clip(np.median(laplacian[edges] / contrast[edges]) / 2, 0, 1))


def sharpened(grey: GreyImage) -> GreyImage:
    """Unsharp masking, the stronger the softer the writing is; a sharp page stays as it is."""
    strength = _MOST * float(np.clip((_SHARP - sharpness(grey)) / _SHARP, 0, 1)) * 2
    strength = min(strength, _MOST)
    if strength < 0.05:
        return grey
    soft = cv2.GaussianBlur(grey, (0, 0), 2.0)
    return np.asarray(cv2.addWeighted(grey, 1 + strength, soft, -strength, 0), np.uint8)


def denoised(grey: GreyImage) -> GreyImage:
    """Non-local means (Buades, Coll and Morel, 2005) of the noise's strength; a clean page stays as it is."""
    noise = noise_level(grey)
    if noise < _NOISY:
        return grey
    return np.asarray(cv2.fastNlMeansDenoising(grey, None, h=1.1 * noise + 2, searchWindowSize=15), np.uint8)


def filtered(grey: GreyImage) -> GreyImage:
    """The median of 3 by 3 pixels."""
    return np.asarray(cv2.medianBlur(grey, 3), np.uint8)


def without_faint(grey: GreyImage) -> GreyImage:
    """Evened, and all that is fainter than a share of the ink's darkness faded to paper."""
    page = even(grey)
    paper = middle(page)
    ink = float(np.percentile(page, 1))
    faint = paper - _FAINT * (paper - ink)
    levels = np.arange(256, dtype=np.float32)
    # Full paper at `faint` and lighter, unchanged at the ink: a straight line between.
    curve = np.interp(levels, [0, ink, max(faint, ink + 1), 255], [0, ink, paper, max(paper, 255)])
    return np.asarray(cv2.LUT(page, np.clip(curve, 0, 255).astype(np.uint8)), np.uint8)


def binarized(grey: GreyImage) -> GreyImage:
    """Black and white: darker than the Gaussian mean of a window by a constant, as TrOCR's preparation has it."""
    window = 2 * max(5, min(grey.shape) // 100) + 1
    kind, how = cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY
    return np.asarray(cv2.adaptiveThreshold(grey, 255, kind, how, window, 11), np.uint8)


_STEPS: dict[Enhancement, Callable[[GreyImage], GreyImage]] = {
    Enhancement.EVEN: even,
    Enhancement.FAINT: without_faint,
    Enhancement.DENOISE: denoised,
    Enhancement.MEDIAN: filtered,
    Enhancement.SHARPEN: sharpened,
    Enhancement.BINARIZE: binarized,
}
