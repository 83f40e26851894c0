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
    points, weights, size = _ink(grey)
    if len(weights) < _MIN_POINTS:
        return SkewEstimate(0.0, 0.0)
    angles = np.arange(-max_deg - 1.0, max_deg + 1.01, 0.5)
    coarse = _energies(points, weights, angles, bins=size // 4, smooth=1.0)
    best = angles[int(np.argmax(coarse))]
    angle = float(best)
    for step, bins, smooth in ((0.1, size // 2, 1.5), (0.03, size, 2.0)):
        fine = np.asarray(angle + np.arange(-7, 8) * step, np.float64)
        energy = _energies(points, weights, fine, bins=bins, smooth=smooth)
        angle = _peak(fine, energy)
    return SkewEstimate(float(np.clip(angle, -max_deg, max_deg)), _confidence(angles, coarse, best, max_deg))


def _ink(grey: GreyImage) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Ink as points [n, 2] around the centre of the picture, their weights [n], and the picture's diagonal in pixels."""
    small, _ = reduced(grey, _LONGEST)
    level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_OTSU)
    level = min(float(level), 215.0)
    ys, xs = np.nonzero(small < level)
    weights = (level - small[ys, xs]).astype(np.float32)
    if len(weights) > _MAX_POINTS:
        keep = np.random.default_rng(0).choice(len(weights), _MAX_POINTS, replace=False)
        ys, xs, weights = ys[keep], xs[keep], np.asarray(weights[keep], np.float32)
    height, width = small.shape
    points = np.stack([xs - (width - 1) / 2, ys - (height - 1) / 2], axis=1).astype(np.float32)
    return points, weights, int(np.hypot(height, width)) + 1


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
    out = np.empty(len(angles))
    size = 2 * int(np.ceil(3 * smooth)) + 1
    for i, angle in enumerate(np.radians(angles)):
        rows = points[:, 1] * np.float32(np.cos(angle)) - points[:, 0] * np.float32(np.sin(angle))
        position = (rows + np.float32(span)) * scale
        whole = position.astype(np.int32)
        part = position - whole
        profile = np.bincount(whole, weights * (1 - part), bins + 2) + np.bincount(
            whole + 1, weights * part, bins + 2
        )
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
