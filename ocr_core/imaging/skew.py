"""The angle of the lines of text.

Projection profile after Postl (1986, "Detection of linear oblique structures and skew scan in digitized documents"),
with the differential square sum as the measure and the coarse-to-fine search of Bloomberg, Kopec and Dasari (1995,
"Measuring document image skew and orientation"): rows of text are level when the profile of ink over rows
changes most abruptly.
The profile is smoothed to about the height of small letters, because cursive writing has no sharp edges. By the
projection-slice theorem (Bracewell, 1956, "Strip integration in radio astronomy") the spectrum of the profile at an angle
lies on a line through the spectrum of the page, which is taken once; by Parseval's theorem, so does the measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage

_BLOCK_W, _BLOCK_H = 16, 2
"""Pixels whose ink is taken together: within a block a line hardly climbs."""
_FINER = 16
"""The spectrum is sampled so many times more finely along x than its blocks would need, and interpolated between."""
_HIGHEST = 0.8
"""Radians a pixel: the smoothing leaves nothing of higher frequencies of the profile."""
_MIN_INK = 60
"""Fewer dark pixels show no lines."""


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
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    ink = np.asarray(cv2.subtract(np.full_like(grey, min(int(level), 215)), grey), np.uint8)
    if cv2.countNonZero(ink) < _MIN_INK or ink.shape[1] < 2 * _BLOCK_W:
        return SkewEstimate(0.0, 0.0)
    spectrum = _Spectrum(ink)
    angles = np.arange(-max_deg - 1.0, max_deg + 1.01, 0.5)
    coarse = spectrum.energies(angles, smooth=6.0)
    best = angles[int(np.argmax(coarse))]
    angle = float(best)
    for step, smooth in ((0.1, 4.5), (0.03, 3.0)):
        fine = np.asarray(angle + np.arange(-7, 8) * step, np.float64)
        angle = _peak(fine, spectrum.energies(fine, smooth=smooth))
    return SkewEstimate(float(np.clip(angle, -max_deg, max_deg)), _confidence(angles, coarse, best, max_deg))


class _Spectrum:
    """The spectrum of the ink of a page, along y up to `_HIGHEST`.

    Args:
        ink: uint8 [height, width], 0 on paper; at least a block.
    """

    def __init__(self, ink: GreyImage) -> None:
        width, height = ink.shape[1] // _BLOCK_W, ink.shape[0] // _BLOCK_H
        whole = ink[: height * _BLOCK_H, : width * _BLOCK_W]
        blocks = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        # Room below the page, so that ink which leaves it on a slope does not come in again at the top.
        rows = cv2.getOptimalDFTSize(height + width * _BLOCK_W // _BLOCK_H // 2)
        down = np.fft.rfft(blocks.astype(np.float32), rows, axis=0)
        frequencies = np.fft.rfftfreq(rows, _BLOCK_H / (2 * np.pi))
        self._frequencies = frequencies[frequencies < _HIGHEST]  # [f], radians a pixel
        centred = np.zeros((len(self._frequencies), cv2.getOptimalDFTSize(_FINER * width)), np.complex64)
        middle = (
            width // 2
        )  # x is counted from the middle, so that the spectrum is smooth between its samples
        centred[:, : width - middle] = down[: len(centred), middle:]
        centred[:, -middle:] = down[: len(centred), :middle]
        self._values = np.fft.fft(centred, axis=1)

    def energies(self, angles: NDArray[np.float64], *, smooth: float) -> NDArray[np.float64]:
        """For each angle in degrees the sum of squared differences of its ink profile, up to a factor: float64 [n].

        Args:
            smooth: standard deviation in pixels of a Gaussian that smooths the profile.
        """
        columns = self._values.shape[1]
        slopes = np.tan(np.radians(angles))
        place = np.outer(slopes, self._frequencies) * (-_BLOCK_W * columns / (2 * np.pi))  # [n, f]
        before = np.floor(place).astype(np.intp)
        share = (place - before).astype(np.float32)
        each = np.arange(len(self._frequencies))
        values = self._values[each, before % columns] * (1 - share)
        values += self._values[each, (before + 1) % columns] * share
        weights = np.square(self._frequencies * np.exp(-0.5 * np.square(self._frequencies * smooth)))
        return np.asarray(np.square(np.abs(values)) @ weights, np.float64)


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
