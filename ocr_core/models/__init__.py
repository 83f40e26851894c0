"""The register of models: one card for each, beside its packaged weights. No weights are loaded unverified."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models.card import DataSource, Figure, ModelCard, read_card, sha256_of, write_card
from ocr_core.records import EngineStamp

__all__ = [
    "WEIGHTS", "DataSource", "Figure", "ModelCard", "card_of", "cards", "packaged_stamp", "read_card", "sha256_of",
    "verified_bytes", "verified_path", "write_card",
]  # fmt: skip

WEIGHTS = Path(__file__).parent / "weights"
"""Where the packaged weights and their cards are: NAME.safetensors or NAME.onnx, and NAME.json."""
_REMEDY = "Reinstall Warraq (pip install --force-reinstall warraq): the weights come with it."


def cards(folder: Path = WEIGHTS) -> list[ModelCard]:
    """The cards of all packaged models, by name.

    Raises:
        ModelError: a card is damaged.
    """
    return [read_card(path) for path in sorted(folder.glob("*.json"))]


def card_of(name: str, folder: Path = WEIGHTS) -> ModelCard:
    """The card of a packaged model.

    Raises:
        ModelError: there is no such model, or its card is damaged.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.json")))
        raise ModelError(
            f"No packaged model {name!r}; there are: {known or 'none'}",
            remedy="Choose one of them." if known else _REMEDY,
        )
    return read_card(path)


def packaged_stamp(name: str) -> EngineStamp:
    """The stamp that an engine with the packaged weights `name` carries, without loading or checking them."""
    card = _cached_card(name)
    return EngineStamp(card.name, card.version, card.sha256, card.settings)


@lru_cache
def _cached_card(name: str) -> ModelCard:
    return card_of(name)


def verified_bytes(name: str, folder: Path = WEIGHTS) -> tuple[ModelCard, bytes]:
    """A model's card and its weights file, read once and checked against the card's sha256.

    Raises:
        ModelError: card or file are missing or damaged.
    """
    card = card_of(name, folder)
    path = _inside(folder, card)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"The weights of {name} cannot be read: {error}", remedy=_REMEDY) from error
    found = hashlib.sha256(data).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"{card.file} is damaged: its sha256 is {found}, its card says {card.sha256}", remedy=_REMEDY
        )
    return card, data


def verified_path(name: str, folder: Path = WEIGHTS) -> Path:
    """Path of a model's weights, just checked against the card's sha256.

    Raises:
        ModelError: card or file are missing or damaged.
    """
    card, _ = verified_bytes(name, folder)
    return _inside(folder, card)


def _inside(folder: Path, card: ModelCard) -> Path:
    if Path(card.file).name != card.file:
        raise ModelError(
            f"The card of {card.name} names a file outside its folder: {card.file}", remedy=_REMEDY
        )
    return folder / card.file
