"""Measuring a reader of characters on labelled pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ocr_core.recognizers.glyphs.network import CLASSES
from ocr_core.recognizers.protocol import Recognizer
from ocr_core.records import EngineStamp, GreyImage, LineImage, Transcript
from ocr_core.training.glyphs.data import GlyphSet
from ocr_core.training.glyphs.report import GlyphRates


@dataclass(frozen=True, slots=True)
class GlyphEvaluation:
    """What was measured, with the pictures, and the seconds of the engine."""

    engine: EngineStamp
    rates: GlyphRates
    ink: list[GreyImage]
    seconds: float


def evaluate_glyphs(engine: Recognizer, pictures: GlyphSet) -> GlyphEvaluation:
    """Read every picture of a set. What the engine refuses, or reads as none of the 38 classes, counts as wrong."""
    images = [
        LineImage(f"set-00001-{i:06d}", 255 - ink, 0.0, np.eye(2, 3)) for i, ink in enumerate(pictures.ink)
    ]
    started = time.perf_counter()
    answers = engine.recognize(images)
    seconds = time.perf_counter() - started
    readings = np.full(len(images), -1, np.int64)
    confidence = np.zeros(len(images))
    for place, answer in enumerate(answers):
        if isinstance(answer, Transcript) and len(answer.text) == 1:
            readings[place] = CLASSES.find(answer.text)
            confidence[place] = answer.confidence
    return GlyphEvaluation(
        engine.stamp, GlyphRates(pictures.classes, readings, confidence), list(pictures.ink), seconds
    )
