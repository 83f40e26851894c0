"""The confusion report of a reader of characters: what is taken for what, with pictures, and what confidence is worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.recognizers.glyphs.network import CLASSES
from ocr_core.records import GreyImage
from ocr_core.training.calibrate import expected_calibration_error
from ocr_core.training.charts import page, picture, table

_PAIRS = 40
_PICTURES = 60
_SHOWN = 96
"""Pixels of a picture in the report."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class GlyphRates:
    """What was read on labelled pictures.

    Attributes:
        classes, readings: int64 [N], places in `CLASSES`.
        confidence: float64 [N], 0..1.
    """

    classes: NDArray[np.int64]
    readings: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @property
    def pictures(self) -> int:
        return len(self.classes)

    @property
    def accuracy(self) -> float:
        return float((self.classes == self.readings).mean()) if self.pictures else float("nan")

    @property
    def calibration_error(self) -> float:
        """Expected calibration error; NaN without pictures."""
        if not self.pictures:
            return float("nan")
        right = (self.classes == self.readings).astype(np.float64)
        return expected_calibration_error(self.confidence, right, np.ones_like(right))

    def pairs(self) -> list[tuple[str, str, int]]:
        """What is shown, what was read instead, how often; the most frequent first, then in order of the classes."""
        wrong = np.flatnonzero(self.classes != self.readings)
        counts = Counter((int(self.classes[i]), int(self.readings[i])) for i in wrong)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [(CLASSES[a], CLASSES[b], count) for (a, b), count in ordered]

    def by_class(self) -> list[tuple[str, int, float]]:
        """Each class that occurs, how often, and the share of its pictures read right."""
        rows = []
        for place in np.unique(self.classes):
            here = self.classes == place
            rows.append((CLASSES[place], int(here.sum()), float((self.readings[here] == place).mean())))
        return rows

    def reliability(self) -> list[tuple[float, float, int, float]]:
        """Steps of confidence that occur: from, to, pictures, share right."""
        which = np.clip((self.confidence * _BINS).astype(int), 0, _BINS - 1)
        right = self.classes == self.readings
        return [
            (b / _BINS, (b + 1) / _BINS, int((which == b).sum()), float(right[which == b].mean()))
            for b in range(_BINS)
            if (which == b).any()
        ]


def confusion_html(title: str, rates: GlyphRates, ink: list[GreyImage]) -> str:
    """The report as a page of HTML that needs nothing but itself.

    Args:
        ink: the pictures, ink light on dark.
    """
    body = [
        f"<p>{rates.pictures} pictures, {100 * rates.accuracy:.2f} % right; expected calibration error "
        f"{rates.calibration_error:.4f}.</p>",
        "<h2>Taken for each other</h2>",
        table(("shown", "read", "times"), rates.pairs()[:_PAIRS]),
        "<h2>The surest mistakes</h2>",
        *_mistakes(rates, ink),
        "<h2>Confidence</h2>",
        table(("from", "to", "pictures", "share right"), rates.reliability()),
        "<h2>By class</h2>",
        table(("class", "pictures", "share right"), rates.by_class()),
    ]
    return page(title, "".join(body))


def _mistakes(rates: GlyphRates, ink: list[GreyImage]) -> list[str]:
    wrong = np.flatnonzero(rates.classes != rates.readings)
    wrong = wrong[np.argsort(-rates.confidence[wrong], kind="stable")][:_PICTURES]
    return [
        picture(
            _enlarged(255 - ink[i]),
            f"{CLASSES[rates.classes[i]]} read {CLASSES[rates.readings[i]]} ({rates.confidence[i]:.2f})",
        )
        for i in wrong
    ]


def _enlarged(image: GreyImage) -> GreyImage:
    scale = _SHOWN / max(image.shape)
    how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), dtype=np.uint8)
