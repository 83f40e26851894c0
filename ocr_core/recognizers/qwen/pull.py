"""Qwen-VL models on this machine: pulled once, held to their sha256 before every load; or any folder of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models import sha256_of
from ocr_core.models.card import ModelCard, read_card
from ocr_core.models.pull import pull_folder
from ocr_core.models.pulled import models_folder, verified_folder
from ocr_core.models.remote import REMOTE, RemoteModel
from ocr_core.recognizers.device import torch_device
from ocr_core.recognizers.model_folder import WEIGHTS_FILE, weight_files
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer, QwenRecognizer
from ocr_core.recognizers.qwen.file import QwenFolder, load_folder
from ocr_core.recognizers.qwen.settings import NAME, QwenSettings
from ocr_core.recognizers.qwen.writer import TorchWriter, Writer, number_type
from ocr_core.records import EngineStamp

KIND = "qwen-vl"
MANIFEST = "files.sha256"


def pull_qwen(name: str = NAME, source: Path | None = None, root: Path | None = None) -> ModelCard:
    """Pull the model's files, load them once to see that they are whole, and write manifest and card beside them.

    Args:
        source, root: as for `models.pull.fetched`.

    Raises:
        MissingDependency: the hub cannot be reached.
        ModelError: the files are not those pulled first, or not a whole model.
    """
    return pull_folder(name, load_folder, _card, source, root)


def is_pulled(name: str = NAME, root: Path | None = None) -> bool:
    return ((root or models_folder()) / name / f"{name}.json").exists()


def load_qwen(settings: QwenSettings, *, device: str = "auto") -> QwenRecognizer:
    """Load the model that `settings` name; a pulled one after checking every file against the sha256 recorded then.

    Raises:
        MissingDependency: transformers or the device is missing.
        ModelError: it was not pulled, or a file is missing or is another than was pulled.
    """
    stamp = qwen_stamp(settings)
    folder = verified_folder(settings.model) if settings.model in REMOTE else Path(settings.model)
    engine = QwenPageRecognizer if settings.mode == "page" else QwenRecognizer
    return engine(_writer(folder, settings, device), stamp, settings)


def _writer(folder: Path, settings: QwenSettings, device: str) -> Writer:
    if settings.backend == "vllm":
        from ocr_core.recognizers.qwen.vllm import VllmWriter

        return VllmWriter.load(folder, settings, device)
    return TorchWriter(load_folder(folder, number_type(settings, torch_device(device))), settings, device)


def qwen_stamp(settings: QwenSettings) -> EngineStamp:
    """The stamp of a model, without loading or checking it.

    All of them have one name, so that a library knows their text to be better than that of smaller engines; version and
    sha256 are those of the list of their files, wherever they lie.

    Raises:
        ModelError: it was not pulled, or is no model folder.
    """
    if settings.model in REMOTE:
        if not is_pulled(settings.model):
            raise ModelError(
                f"{settings.model} is not on this machine",
                remedy=f"Run `warraq models pull {settings.model}`, or leave --arabic at 'auto': without it, "
                "Arabic is read by the packaged crnn-ar.",
            )
        card = read_card(models_folder() / settings.model / f"{settings.model}.json")
        return EngineStamp(card.name, card.version, card.sha256, settings.stamp_settings())
    folder = Path(settings.model)
    weight_files(folder, f"Name a folder with {WEIGHTS_FILE}, or a model of `warraq models list`.")
    files = sorted({path for name in REMOTE[NAME].files for path in folder.glob(name)})
    state = tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    digest = _digest(state)
    return EngineStamp(NAME, digest[:12], digest, settings.stamp_settings())


@lru_cache(maxsize=8)
def _digest(state: tuple[tuple[str, int, int], ...]) -> str:
    """sha256 of a folder's manifest; its files are read again only where size or time say that they may have changed."""
    return hashlib.sha256(
        _manifest({Path(path).name: sha256_of(Path(path)) for path, _, _ in state}).encode()
    ).hexdigest()


def _card(model: RemoteModel, files: Mapping[str, Path], loaded: QwenFolder) -> ModelCard:
    """The card, whose file is the manifest that is written here."""
    manifest = files["config.json"].with_name(MANIFEST)
    manifest.write_text(_manifest({name: sha256_of(path) for name, path in files.items()}), "utf-8")
    digest = sha256_of(manifest)
    return ModelCard(
        name=model.name,
        version=digest[:12],  # the same wherever the files came from
        kind=KIND,
        file=MANIFEST,
        sha256=digest,
        licence=model.licence,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
        settings=QwenSettings().stamp_settings(),
        notes=model.notes,
    )


def _manifest(digests: dict[str, str]) -> str:
    """In the form of sha256sum, by name: `sha256sum -c` checks it too."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
