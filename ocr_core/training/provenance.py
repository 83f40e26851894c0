"""What a model card says of the making of its weights: the command, what was held out, the hours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ocr_core.models.card import Training
from ocr_core.training.data.corpora import TruthSettings
from ocr_core.training.settings import Settings


def training_of(what: str, settings: Settings, held_out: str, seconds: float | None = None) -> Training:
    """For the card of weights that `warraq train WHAT` made of these settings.

    Args:
        held_out: what was kept out of the training, and how it was chosen.
        seconds: by the clock, where they were counted.
    """
    hours = None if seconds is None else round(seconds / 3600, 2)
    return Training(f"warraq train {what} --config {settings.config or 'FILE'}", held_out, hours)


def documents_held_out(corpora: Iterable[TruthSettings]) -> str:
    """Which documents of each corpus the settings hold out."""
    return "whole documents, shares of them by a hash of their names: " + "; ".join(
        _of_one(c) for c in corpora
    )


def _of_one(corpus: TruthSettings) -> str:
    parts = [f"{100 * corpus.dev_fraction:.3g} %"] if corpus.dev_fraction else []
    parts += corpus.dev
    unused = f" ({', '.join(corpus.exclude)} used for nothing)" if corpus.exclude else ""
    return f"{corpus.name} {', '.join(parts) or 'none'}{unused}"


def seconds_noted(folder: Path) -> float | None:
    """The seconds of all epochs of a run that notes them in `metrics.jsonl` of its folder; None where it notes none."""
    try:
        lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    return sum(float(json.loads(line).get("seconds", 0)) for line in lines)
