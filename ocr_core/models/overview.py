"""All models Warraq knows, packaged, pulled or still to be pulled, each in a few facts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ocr_core.errors import UsageError
from ocr_core.models import WEIGHTS, cards
from ocr_core.models.card import ModelCard
from ocr_core.models.pulled import models_folder, pulled_cards
from ocr_core.models.remote import REMOTE, RemoteModel

PURPOSES: Final = {
    "crnn-latin": "reads lines, English hands and print",
    "crnn-ar": "reads lines, Arabic",
    "crnn-published": "reads lines, English hands",
    "trocr-base-handwritten": "reads lines, English hands",
    "qwen-vl-arabic": "reads pages and lines, Arabic hands",
    "glyphs": "reads single Arabic letters and digits",
    "glyphs-published": "reads single Arabic letters and digits",
    "lm-latin": "language model beside crnn-latin",
    "lm-ar": "language model beside crnn-ar",
    "layout": "finds the lines of a page",
    "orientation": "tells which way up a page lies",
    "script-router": "tells a line's script, and hand from print",
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the register.

    Attributes:
        place: `packaged` with Warraq, `pulled` onto this machine, or `to pull`.
        card: None for a model to pull.
        remote: where it is published, None for a packaged one.
        bytes: of its files here, or about so many to pull.
    """

    name: str
    kind: str
    licence: str
    place: Literal["packaged", "pulled", "to pull"]
    card: ModelCard | None
    remote: RemoteModel | None
    bytes: int

    @property
    def purpose(self) -> str:
        """What it does, in a few words."""
        return PURPOSES.get(self.name, "")


def known_models() -> list[Model]:
    """Packaged models by name, then published ones.

    Raises:
        ModelError: a card is damaged.
    """
    here = [
        Model(card.name, card.kind, card.licence, "packaged", card, None, _size(WEIGHTS / card.file))
        for card in cards()
    ]
    pulled = {card.name: card for card in pulled_cards()}
    for remote in REMOTE.values():
        card = pulled.get(remote.name)
        size = _size(models_folder() / remote.name) if card else remote.megabytes * 10**6
        place: Literal["pulled", "to pull"] = "pulled" if card else "to pull"
        here.append(Model(remote.name, remote.kind, remote.licence, place, card, remote, size))
    return here


def known_model(name: str) -> Model:
    """A model by its name.

    Raises:
        UsageError: there is none.
        ModelError: a card is damaged.
    """
    models = {model.name: model for model in known_models()}
    try:
        return models[name]
    except KeyError:
        raise UsageError(f"No model is named {name!r}.", remedy=f"There are: {', '.join(models)}.") from None


def _size(path: Path) -> int:
    """Bytes of a file or of all files in a folder; 0 where there is none."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
