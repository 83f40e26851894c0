"""The line readers by kind of model card, and how each is loaded. Whatever is in here keeps the contract of `Recognizer`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_core.errors import ModelError, UsageError
from ocr_core.models import WEIGHTS, ModelCard, card_of, cards
from ocr_core.models.remote import REMOTE, pulled_cards

if TYPE_CHECKING:
    from ocr_core.recognizers.crnn import Decoding
    from ocr_core.recognizers.protocol import Recognizer

Loader = Callable[[str, "Path | None", str, "Decoding | None"], "Recognizer"]


def _crnn(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.crnn import CrnnRecognizer

    return CrnnRecognizer.load(
        name, folder=folder or WEIGHTS, device=device, decoding=decoding, language_folder=WEIGHTS
    )


def _published(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.published import PublishedRecognizer

    return PublishedRecognizer.load(name, folder=folder, device=device, decoding=decoding)


LOADERS: Mapping[str, Loader] = {"crnn": _crnn, "crnn-published": _published}
"""For each kind: name, folder of its card (None: where packaged or pulled ones are), device, decoding → reader."""


def reader_cards() -> list[ModelCard]:
    """The cards of all line readers on this machine, packaged and pulled."""
    return [card for card in (*cards(), *pulled_cards()) if card.kind in LOADERS]


def load_reader(name: str, *, device: str = "auto", decoding: Decoding | None = None) -> Recognizer:
    """Load a line reader.

    Args:
        name: of a packaged or pulled one; or the path of weights that `warraq train crnn` made, their card beside them.
        decoding: `greedy`, `beam`, or None for what its card says.

    Raises:
        UsageError: there is none of this name, or no such device.
        ModelError: it is not on this machine, or it is damaged.
        MissingDependency: this machine does not have the device.
    """
    path = Path(name)
    if path.suffix == ".safetensors":
        if not path.with_suffix(".json").is_file():
            raise ModelError(
                f"{path} is not there with its card", remedy="Name weights of `warraq train crnn`."
            )
        kind = card_of(path.stem, path.parent).kind
        if kind not in LOADERS:
            raise ModelError(
                f"{name} is a {kind}, not a line reader", remedy="Name weights of `warraq train crnn`."
            )
        return LOADERS[kind](path.stem, path.parent, device, decoding)
    # One that was not pulled yet is known too: its loader tells how to pull it.
    found = {model.name: model.kind for model in REMOTE.values() if model.kind in LOADERS}
    found |= {card.name: card.kind for card in reader_cards()}
    if name not in found:
        raise UsageError(f"no line reader {name!r}", remedy=f"Choose one of: {', '.join(sorted(found))}.")
    return LOADERS[found[name]](name, None, device, decoding)
