"""Model cards: what a model is, where its weights are, what they were made from and how well they read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ocr_core.errors import ModelError


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set the weights were trained on."""

    name: str
    source: str
    licence: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, e.g. `CER hooker` 0.17 over 600 lines."""

    name: str
    value: float
    lines: int


@dataclass(frozen=True, slots=True)
class Training:
    """How weights were made.

    Attributes:
        command: that makes them anew.
        held_out: what figures were measured on: kept out of the training, and how it was chosen.
        hours: by the clock, None where they were not counted.
    """

    command: str
    held_out: str
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as the register knows it.

    Attributes:
        kind: which loader reads the file: `crnn`, …
        file: name of the weights file, beside the card.
        sha256: of the file, hex.
        parameters: number of trained values.
        settings: what can change the text besides the weights; part of the engine's stamp.
        training: None for weights that others published.
        calibration: points (raw confidence, share of characters read right) of a rising line, measured on held-out
            documents.
    """

    name: str
    version: str
    kind: str
    file: str
    sha256: str
    licence: str
    parameters: int
    data: tuple[DataSource, ...] = ()
    figures: tuple[Figure, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    calibration: tuple[tuple[float, float], ...] = ()
    training: Training | None = None
    notes: str = ""

    __pydantic_config__ = ConfigDict(extra="forbid")


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card as JSON, atomically."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: the file is missing or is not a card.
    """
    try:
        return TypeAdapter(ModelCard).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path.name} is not a model card: {error}",
            remedy="Reinstall Warraq, or run `warraq models pull`.",
        ) from error
