"""The angle of the lines of text.

Projection profile after Postl (1986, "Detection of linear oblique structures and skew scan in digitized documents"),
with the differential square sum as the measure and the coarse-to-fine search of Bloomberg, Kopec and Dasari (1995,
"Measuring document image skew and orientation"): rows of text are level when the profile of ink over rows
changes most abruptly.
The profile is smoothed to about the height of small letters, because cursive writing has no sharp edges, and what changes
more slowly than from line to line (the shape of blocks) is left out. The lines of a page by hand differ in slope, so the
measure has several tops close together: the answer is their centre of weight, which turns with the page as no single top
does. By the projection-slice theorem (Bracewell, 1956, "Strip integration in radio astronomy") the spectrum of the profile
at an angle lies on a line through the spectrum of the page, which is taken once; by Parseval's theorem, so does the measure.
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
_COARSE, _FINE = 4.5, 4.0
"""Standard deviation in pixels of the Gaussian that smooths the profile in the search and for the answer."""
_SLOWEST = 20.0
"""Pixels: the radius of the Gaussian whose smoothed profile is taken off, so that blocks of lines do not count."""
_AROUND = 1.0
"""Degrees to either side of the top whose centre of weight is the answer."""
_MIN_INK = 60
"""Fewer dark pixels show no lines."""


@dataclass(frozen=True, slots=True)
class SkewEstimate:
    """Angle of the lines in degrees, clockwise positive (lines fall to the right), and how sure that is, 0..1."""

    angle_deg: float
    confidence: float


def estimate_skew(grey: GreyImage, *, max_deg: float = 20.0) -> SkewEstimate:
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
    coarse = spectrum.energies(angles, smooth=_COARSE)
    best = float(angles[int(np.argmax(coarse))])
    near = best + np.linspace(-_AROUND, _AROUND, 21)
    angle = float(near[int(np.argmax(spectrum.energies(near, smooth=_FINE)))])
    for _ in range(2):  # the second time about its own answer, so that the window's place no longer matters
        near = angle + np.linspace(-_AROUND, _AROUND, 15)
        angle = _centre(near, spectrum.energies(near, smooth=_FINE))
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
        radians = np.radians(angles)
        place = np.outer(np.tan(radians), self._frequencies) * (-_BLOCK_W * columns / (2 * np.pi))  # [n, f]
        before = np.floor(place).astype(np.intp)
        share = (place - before).astype(np.float32)
        each = np.arange(len(self._frequencies))
        values = self._values[each, before % columns] * (1 - share)
        values += self._values[each, (before + 1) % columns] * share
        # On a slope the same step along y is a longer one across the lines, [n, f].
        across = self._frequencies / np.cos(radians)[:, None]
        weights = np.square(across) * np.exp(-np.square(across * smooth))
        weights *= 1 - np.exp(-np.square(across * _SLOWEST))
        return np.asarray((np.square(np.abs(values)) * weights).sum(axis=1) / np.cos(radians), np.float64)


def _centre(angles: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    """The centre of weight of what rises above the lowest sample, less of it the further from the middle."""
    weights = (energy - energy.min()) * np.hanning(len(angles) + 2)[1:-1]
    total = weights.sum()
    return float((angles * weights).sum() / total) if total > 0 else float(angles[len(angles) // 2])


def _confidence(
    angles: NDArray[np.float64], energy: NDArray[np.float64], best: float, max_deg: float
) -> float:
    """How far the peak stands out from the angles at least two degrees away. At the ends of the range: 0."""
    if abs(best) > max_deg:
        return 0.0
    rest = energy[np.abs(angles - best) >= 2.0]
    prominence = energy.max() / max(float(np.percentile(rest, 75)), 1e-9)
    return float(np.clip((prominence - 1.0) / 1.0, 0.0, 1.0))
