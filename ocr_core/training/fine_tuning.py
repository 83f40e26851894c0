"""What the fine-tunings of published readers share, which go by epochs: their rows, their learning rate, their record."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np

from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.metrics import ErrorRates

logger = logging.getLogger(__name__)


class Rows(Protocol):
    def rows(self, split: str, corpus: str | None = None) -> list[int]: ...


class Epochs(Protocol):
    """How far a run is. `best` is the lowest `mean_cer` so far."""

    epoch: int
    step: int
    best: float


def epoch_rows(
    corpora: Sequence[CorpusSettings], samples: int, cache: Rows, rng: np.random.Generator
) -> list[int]:
    """Rows of the cache that an epoch learns from, shuffled: `samples` of them, of each corpus its share; 0: all once."""
    total = sum(c.share for c in corpora)
    chosen: list[int] = []
    for corpus in corpora:
        rows = cache.rows("train", corpus.name)
        count = round(samples * corpus.share / max(total, 1e-9))
        if not samples:
            count = len(rows) if corpus.share > 0 else 0
        while rows and count > 0:
            chosen += [rows[i] for i in rng.permutation(len(rows))[:count]]
            count -= len(rows)
    return [chosen[i] for i in rng.permutation(len(chosen))]


def rate_at(step: int, steps: int, *, peak: float, warmup: float) -> float:
    """Learning rate of a step, counted from 0, of `steps` in all: in a straight line up to the peak, then down to nothing.

    Args:
        warmup: share of the steps, 0..1.
    """
    warm = max(1, round(warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * max(0.0, (steps - step) / max(1, steps - warm))


def mean_cer(rates: Mapping[str, ErrorRates]) -> float:
    """The character error rate of all corpora, each line counted alike."""
    lines = sum(rate.lines for rate in rates.values())
    return sum(rate.cer * rate.lines for rate in rates.values()) / max(lines, 1)


def note(folder: Path, run: Epochs, loss: float, rates: Mapping[str, ErrorRates], seconds: float) -> None:
    """Tell of an epoch in the log, and in `metrics.jsonl` of the run's folder."""
    values = {
        "epoch": run.epoch, "step": run.step, "loss": loss, "seconds": round(seconds, 1), "best": run.best,
        "rates": {name: asdict(rate) for name, rate in rates.items()},
    }  # fmt: skip
    read = ", ".join(f"{name} CER {rate.cer:.3f} WER {rate.wer:.3f}" for name, rate in rates.items())
    logger.info("epoch %d loss %.3f %s (%.0f s)", run.epoch, loss, read, seconds)
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")
