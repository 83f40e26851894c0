"""What a network for isolated characters got right on held-out pictures, and its model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.recognizers.glyphs.engine import KIND
from ocr_core.recognizers.glyphs.network import GlyphKind
from ocr_core.recognizers.glyphs.picture import PREPARATIONS
from ocr_core.training.calibrate import Calibration, cross_checked_error, fit_calibration
from ocr_core.training.glyphs.config import GlyphSettings
from ocr_core.training.glyphs.data import GlyphSet
from ocr_core.training.glyphs.report import GlyphRates
from ocr_core.training.provenance import seconds_noted, training_of

HELD_OUT = "held-out.npz"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was read on held-out pictures, those of all sets after each other.

    Attributes:
        sets: the names, in order.
        which: int64 [N], the set of each picture.
        writers: int64 [N], within its set.
        classes: int64 [N], what it shows.
        probabilities: float32 [N, 38].
        known: bool [N], other pictures of the writer were learnt from.
    """

    sets: tuple[str, ...]
    which: NDArray[np.int64]
    writers: NDArray[np.int64]
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    known: NDArray[np.bool_]

    def save(self, folder: Path) -> None:
        part = folder / f"{HELD_OUT}.part"
        with part.open("wb") as file:
            np.savez_compressed(
                file,
                sets=np.array(self.sets),
                which=self.which,
                writers=self.writers,
                classes=self.classes,
                probabilities=self.probabilities,
                known=self.known,
            )
        part.replace(folder / HELD_OUT)

    @classmethod
    def load(cls, folder: Path) -> HeldOut:
        with np.load(folder / HELD_OUT, allow_pickle=False) as saved:
            return cls(
                tuple(str(name) for name in saved["sets"]),
                saved["which"],
                saved["writers"],
                saved["classes"],
                saved["probabilities"],
                saved["known"],
            )

    def accuracy(self, name: str, *, known: bool = False) -> tuple[float, int]:
        """Share of right answers, and how many pictures: of writers held out, or held-out pictures of `known` ones."""
        here = (self.which == self.sets.index(name)) & (self.known == known)
        right = self.probabilities[here].argmax(1) == self.classes[here]
        return float(right.mean()) if len(right) else float("nan"), len(right)

    def rates(self) -> GlyphRates:
        """What was read, with calibrated confidence."""
        points = np.array(self.calibration().points, dtype=np.float64).reshape(-1, 2)
        raw = self.probabilities.max(1).astype(np.float64)
        confidence = np.interp(raw, points[:, 0], points[:, 1]) if len(points) else raw
        return GlyphRates(self.classes, self.probabilities.argmax(1), confidence)

    def calibration(self) -> Calibration:
        """From the largest probability to the share of right answers; the error is cross-checked over writers."""
        raw = self.probabilities.max(1).astype(np.float64)
        right = (self.probabilities.argmax(1) == self.classes).astype(np.float64)
        weights = np.ones_like(raw)
        groups = [f"{s}/{w}" for s, w in zip(self.which, self.writers, strict=True)]
        if not len(raw):
            return Calibration((), float("nan"))
        return Calibration(
            fit_calibration(raw, right, weights), cross_checked_error(raw, right, weights, groups)
        )


def measured(
    settings: GlyphSettings, sets: list[GlyphSet], probabilities: list[NDArray[np.float32]]
) -> HeldOut:
    """The probabilities of each set's held-out pictures, with what they show."""
    return HeldOut(
        tuple(s.name for s in settings.sets),
        np.concatenate([np.full(int(s.held.sum()), n) for n, s in enumerate(sets)]),
        np.concatenate([s.writers[s.held] for s in sets]),
        np.concatenate([s.classes[s.held] for s in sets]),
        np.concatenate(probabilities),
        np.concatenate([s.known[s.held] for s in sets]),
    )


def glyph_settings(kind: GlyphKind) -> tuple[tuple[str, str], ...]:
    """What can change the text besides the weights, for cards and stamps."""
    return (("decoding", "greedy"), ("normalisation", f"{kind}-{PREPARATIONS[kind]}"))


def write_glyph_card(settings: GlyphSettings, sets: list[GlyphSet], weights: Path, parameters: int) -> Path:
    """Write the card beside the weights. Returns its path."""
    held = HeldOut.load(settings.run.folder)
    calibration = held.calibration()
    figures = [
        Figure(f"accuracy {name}{of}", round(share, 4), count)
        for name in held.sets
        for known, of in ((False, ""), (True, ", known writers"))
        for share, count in [held.accuracy(name, known=known)]
        if count
    ]
    if np.isfinite(calibration.error):
        figures.append(Figure("ECE of confidence", round(calibration.error, 4), len(held.classes)))
    refit = settings.schedule.refit_epochs
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind=KIND,
        file=weights.name,
        sha256=sha256_of(weights),
        licence="Apache-2.0",
        parameters=parameters,
        data=tuple(DataSource(s.name, s.source, s.licence) for s in settings.sets),
        figures=tuple(figures),
        settings=glyph_settings(settings.network),
        calibration=calibration.points,
        training=training_of("glyphs", settings, _held_out(settings), seconds_noted(settings.run.folder)),
        notes=f"The {settings.network} network after {settings.schedule.epochs} epochs; accuracy and calibration on writers "
        "held out"
        + (" and on pictures held out of known writers" if held.known.any() else "")
        + (f", before {refit} further epochs on the pictures of all writers." if refit else ".")
        + " Isolated Arabic letters and Arabic-Indic digits, 38 classes.",
    )
    path = settings.run.folder / f"{settings.name}.json"
    write_card(path, card)
    return path


def _held_out(settings: GlyphSettings) -> str:
    return "all pictures of some writers: " + "; ".join(
        f"{s.name} {s.held_out}"
        + (f", and {s.held_out_each} of each class of every other" if s.held_out_each else "")
        for s in settings.sets
    )
