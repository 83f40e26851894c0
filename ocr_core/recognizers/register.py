"""The line readers by kind of model card, and how each is loaded. Whatever is in here keeps the contract of `Recognizer`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_core.errors import ModelError, UsageError
from ocr_core.models import WEIGHTS, ModelCard, card_of, cards, packaged_stamp
from ocr_core.models.pulled import pulled_cards
from ocr_core.models.remote import REMOTE, remote_model
from ocr_core.records import EngineStamp

if TYPE_CHECKING:
    from ocr_core.recognizers.crnn.engine import Decoding
    from ocr_core.recognizers.protocol import Recognizer

Puller = Callable[[str, "Path | None", "str | None"], ModelCard]
Loader = Callable[[str, "Path | None", str, "Decoding | None"], "Recognizer"]


def _crnn(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.crnn.engine import CrnnRecognizer

    return CrnnRecognizer.load(
        name, folder=folder or WEIGHTS, device=device, decoding=decoding, language_folder=WEIGHTS
    )


def _published(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.published.engine import load_published

    return load_published(name, folder=folder, device=device, decoding=decoding)


def _glyphs(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.glyphs.engine import GlyphRecognizer

    _refuse_beams(name, decoding)
    return GlyphRecognizer.load(name, folder=folder or WEIGHTS, device=device)


def _trocr(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.trocr.engine import TrocrRecognizer
    from ocr_core.recognizers.trocr.pull import beams_of, load_trocr

    if folder is not None:
        return TrocrRecognizer.load(folder, name=name, device=device, beams=beams_of(decoding))
    return load_trocr(name, device=device, beams=beams_of(decoding))


def _qwen(name: str, folder: Path | None, device: str, decoding: Decoding | None) -> Recognizer:
    from ocr_core.recognizers.qwen.pull import load_qwen
    from ocr_core.recognizers.qwen.settings import QwenSettings

    _refuse_beams(name, decoding)
    return load_qwen(QwenSettings(model=str(folder or name), mode="line"), device=device)


LOADERS: Mapping[str, Loader] = {
    "crnn": _crnn,
    "crnn-published": _published,
    "glyphs": _glyphs,
    "qwen-vl": _qwen,
    "trocr": _trocr,
}
"""For each kind: name, folder of its card (None: where packaged or pulled ones are), device, decoding → reader."""


ALIASES = {"trocr": "trocr-base-handwritten"}


def reader_cards() -> list[ModelCard]:
    """The cards of all line readers on this machine, packaged and pulled."""
    return [card for card in (*cards(), *pulled_cards()) if card.kind in LOADERS]


def load_reader(name: str, *, device: str = "auto", decoding: Decoding | None = None) -> Recognizer:
    """Load a line reader.

    Args:
        name: of a packaged or pulled one; or the path of weights that `warraq train` made, their card beside them; or the
            folder of a VisionEncoderDecoder or Qwen-VL model.
        decoding: `greedy`, `beam`, or None for what its card says.

    Raises:
        UsageError: there is none of this name, or no such device.
        ModelError: it is not on this machine, or it is damaged.
        MissingDependency: this machine does not have the device.
    """
    if folder := _model_folder(name):
        return (_qwen if _is_qwen(folder) else _trocr)(folder.name, folder, device, decoding)
    path = Path(name)
    if path.suffix == ".safetensors":
        if not path.with_suffix(".json").is_file():
            raise ModelError(f"{path} is not there with its card", remedy="Name weights of `warraq train`.")
        kind = card_of(path.stem, path.parent).kind
        if kind not in LOADERS:
            raise ModelError(
                f"{name} is a {kind}, not a line reader", remedy="Name weights of `warraq train`."
            )
        return LOADERS[kind](path.stem, path.parent, device, decoding)
    name = ALIASES.get(name, name)
    return LOADERS[_kind(name)](name, None, device, decoding)


def reader_stamp(name: str, decoding: Decoding | None = None) -> EngineStamp:
    """The stamp of a line reader, without loading it where its card tells enough; arguments and errors of `load_reader`."""
    if (folder := _model_folder(name)) and _is_qwen(folder):
        return _qwen_stamp(str(folder), decoding)
    if folder:
        from ocr_core.recognizers.trocr.engine import stamp_of
        from ocr_core.recognizers.trocr.file import steps_of
        from ocr_core.recognizers.trocr.pull import beams_of

        return stamp_of(folder, folder.name, "1", steps_of(folder), beams_of(decoding))
    name = ALIASES.get(name, name)
    if Path(name).suffix == ".safetensors":
        return load_reader(name, device="cpu", decoding=decoding).stamp
    match _kind(name):
        case "crnn":
            from ocr_core.recognizers.crnn.engine import crnn_stamp

            return crnn_stamp(name, decoding)
        case "glyphs":
            _refuse_beams(name, decoding)
            return packaged_stamp(name)
        case "qwen-vl":
            return _qwen_stamp(name, decoding)
        case "trocr":
            from ocr_core.recognizers.trocr.pull import beams_of, pulled_stamp

            return pulled_stamp(name, beams=beams_of(decoding))
        case _:
            return load_reader(name, device="cpu", decoding=decoding).stamp


def _qwen_stamp(model: str, decoding: Decoding | None) -> EngineStamp:
    from ocr_core.recognizers.qwen.pull import qwen_stamp
    from ocr_core.recognizers.qwen.settings import QwenSettings

    _refuse_beams(model, decoding)
    return qwen_stamp(QwenSettings(model=model, mode="line"))


def _is_qwen(folder: Path) -> bool:
    from ocr_core.recognizers.model_folder import model_type

    return model_type(folder).startswith("qwen")


def _kind(name: str) -> str:
    """The kind of a line reader by its name. One that was not pulled yet is known too: its loader tells how to pull it.

    Raises:
        UsageError: there is none of this name.
    """
    found = {model.name: model.kind for model in REMOTE.values() if model.kind in LOADERS}
    found |= {card.name: card.kind for card in reader_cards()}
    if name not in found:
        raise UsageError(f"No line reader {name!r}", remedy=f"Choose one of: {', '.join(sorted(found))}.")
    return found[name]


def _model_folder(name: str) -> Path | None:
    """The folder of a model that a name stands for; None where it is the name of a reader, or the path of a file."""
    path = Path(name)
    if path.suffix == ".safetensors" or name in REMOTE:
        return None
    return path if len(path.parts) > 1 or (path / "config.json").exists() else None


def _refuse_beams(name: str, decoding: Decoding | None) -> None:
    if decoding == "beam":
        raise UsageError(f"{name} has no beam search with a language model", remedy="Leave --decoding out.")


def _pull_published(name: str, source: Path | None, characters: str | None) -> ModelCard:
    from ocr_core.recognizers.published.engine import pull_published

    return pull_published(name, source, characters)


def _pull_trocr(name: str, source: Path | None, characters: str | None) -> ModelCard:
    from ocr_core.recognizers.trocr.pull import pull_trocr

    if characters is not None:
        raise UsageError(f"{name} brings its own characters", remedy="Leave --characters out.")
    return pull_trocr(name, source)


def _pull_qwen(name: str, source: Path | None, characters: str | None) -> ModelCard:
    from ocr_core.recognizers.qwen.pull import pull_qwen

    if characters is not None:
        raise UsageError(f"{name} brings its own characters", remedy="Leave --characters out.")
    return pull_qwen(name, source)


PULLERS: Mapping[str, Puller] = {
    "crnn-published": _pull_published,
    "qwen-vl": _pull_qwen,
    "trocr": _pull_trocr,
}
"""How the models of each kind come onto this machine."""


def pull_reader(name: str, source: Path | None = None, characters: str | None = None) -> ModelCard:
    """Bring a published line reader onto this machine and record its sha256.

    Args:
        source: a file or folder with the model, instead of downloading it.
        characters: in the order of the outputs, where the model's file has none.

    Raises:
        MissingDependency: it cannot be downloaded.
        ModelError: its files are not what they should be.
        UsageError: there is no such model.
    """
    return PULLERS[remote_model(name).kind](name, source, characters)
