"""The angle of the lines of text.

Projection profile after Postl (1986, "Detection of linear oblique structures and skew scan in digitized documents"),
with the differential square sum as the measure and the coarse-to-fine search of Bloomberg, Kopec and Dasari (1995,
"Measuring document image skew and orientation"): rows of text are level when the profile of ink over rows
changes most abruptly.
The profile is smoothed to about the height of small letters, because cursive writing has no sharp edges, and every angle
looks at the same ink in the same number of bins, so that a turned page is answered like the page itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.geometry import reduced
from ocr_core.imaging.masks import pixels_of
from ocr_core.records import GreyImage

_LONGEST = 1000
_MAX_POINTS = 120_000
_MIN_POINTS = 60


@dataclass(frozen=True, slots=True)
class SkewEstimate:
    """Angle of the lines in degrees, clockwise positive (lines fall to the right), and how sure that is, 0..1."""

    angle_deg: float
    confidence: float


def estimate_skew(grey: GreyImage, *, max_deg: float = 15.0) -> SkewEstimate:
    """The skew of a page with dark ink on an even, light ground.

    Args:
        grey: uint8 [height, width], background evened.
        max_deg: angles within ± this are tried.
    """
    ink = _ink(grey)
    every = _points(ink, 1)
    if len(every[1]) < _MIN_POINTS:
        return SkewEstimate(0.0, 0.0)
    size = int(np.hypot(*ink.shape)) + 1
    halved = _points(ink, 2)
    angles = np.arange(-max_deg - 1.0, max_deg + 1.01, 0.5)
    coarse = _energies(*halved, angles, bins=size // 4, smooth=1.0)
    best = angles[int(np.argmax(coarse))]
    angle = float(best)
    for points, step, bins, smooth in ((halved, 0.1, size // 2, 1.5), (every, 0.03, size, 2.0)):
        fine = np.asarray(angle + np.arange(-7, 8) * step, np.float64)
        energy = _energies(*points, fine, bins=bins, smooth=smooth)
        angle = _peak(fine, energy)
    return SkewEstimate(float(np.clip(angle, -max_deg, max_deg)), _confidence(angles, coarse, best, max_deg))


def _ink(grey: GreyImage) -> GreyImage:
    """How far the ink of a small copy lies below the paper in grey levels, 0 on paper."""
    small, _ = reduced(grey, _LONGEST)
    level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    return np.asarray(cv2.subtract(np.full_like(small, min(int(level), 215)), small), np.uint8)


def _points(ink: GreyImage, block: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Ink as points [n, 2] in pixels around the centre of the picture and their weights [n]: one for each square of pixels.

    Args:
        block: side of the squares in pixels.
    """
    height, width = max(1, ink.shape[0] // block), max(1, ink.shape[1] // block)
    ink = np.asarray(
        cv2.resize(ink[: height * block, : width * block], (width, height), interpolation=cv2.INTER_AREA)
    )
    xs, ys = pixels_of(ink)
    if len(xs) > _MAX_POINTS:
        keep = np.random.default_rng(0).choice(len(xs), _MAX_POINTS, replace=False)
        xs, ys = xs[keep], ys[keep]
    points = np.stack([xs - (width - 1) / 2, ys - (height - 1) / 2], axis=1) * block
    return points.astype(np.float32), ink[ys, xs].astype(np.float32)


def _energies(
    points: NDArray[np.float32],
    weights: NDArray[np.float32],
    angles: NDArray[np.float64],
    *,
    bins: int,
    smooth: float,
) -> NDArray[np.float64]:
    """For each angle in degrees the sum of squared differences of the smoothed ink profile: float64 [len(angles)]."""
    bins = max(bins, 16)
    span = float(np.abs(points).max()) * 1.5 + 1.0
    scale = np.float32(bins / (2 * span))
    across, down = (points * scale).T.copy()
    out = np.empty(len(angles))
    size = 2 * int(np.ceil(3 * smooth)) + 1
    for i, angle in enumerate(np.radians(angles)):
        position = (
            down * np.float32(np.cos(angle)) - across * np.float32(np.sin(angle)) + np.float32(bins / 2)
        )
        whole = position.astype(np.intp)
        upper = weights * (position - whole)
        profile = np.bincount(whole, weights - upper, bins + 2)
        profile[1:] += np.bincount(whole, upper, bins + 1)
        soft = cv2.GaussianBlur(profile.reshape(-1, 1), (1, size), 0, sigmaY=smooth)
        out[i] = float(np.square(np.diff(soft.ravel())).sum())
    return out


def _peak(angles: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    """The top of the parabola through the highest sample and its neighbours."""
    i = int(np.clip(np.argmax(energy), 1, len(angles) - 2))
    left, middle, right = energy[i - 1 : i + 2]
    bend = left - 2 * middle + right
    shift = 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -1, 1))
    return float(angles[i] + shift * (angles[1] - angles[0]))


def _confidence(
    angles: NDArray[np.float64], energy: NDArray[np.float64], best: float, max_deg: float
) -> float:
    """How far the peak stands out from the angles at least two degrees away. At the ends of the range: 0."""
    if abs(best) > max_deg:
        return 0.0
    rest = energy[np.abs(angles - best) >= 2.0]
    prominence = energy.max() / max(float(np.percentile(rest, 75)), 1e-9)
    return float(np.clip((prominence - 1.0) / 1.0, 0.0, 1.0))
