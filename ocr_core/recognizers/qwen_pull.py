"""Qwen-VL models on this machine: pulled once, held to their sha256 before every load; or any folder of one."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models import sha256_of
from ocr_core.models.card import ModelCard, read_card, write_card
from ocr_core.models.remote import (
    REMOTE,
    drop_downloads,
    fetched,
    models_folder,
    place_files,
    remote_model,
    verified_folder,
)
from ocr_core.recognizers.model_folder import WEIGHTS_FILE, weight_files
from ocr_core.recognizers.qwen import QwenPageRecognizer, QwenRecognizer
from ocr_core.recognizers.qwen_file import load_folder
from ocr_core.recognizers.qwen_settings import NAME, QwenSettings
from ocr_core.records import EngineStamp

KIND = "qwen-vl"
MANIFEST = "files.sha256"


def pull_qwen(name: str = NAME, source: Path | None = None, root: Path | None = None) -> ModelCard:
    """Pull the model's files, load them once to see that they are whole, and write manifest and card beside them.

    Args:
        source, root: as for `models.remote.fetched`.

    Raises:
        MissingDependency: the hub cannot be reached.
        ModelError: the files are not those pulled first, or not a whole model.
    """
    model = remote_model(name)
    folder = (root or models_folder()) / name
    with fetched(model, source, root) as paths:
        try:
            loaded = load_folder(paths["config.json"].parent)
        except ModelError:
            drop_downloads(name, root)  # so that the next pull does not find them again
            raise
        parameters = sum(p.numel() for p in loaded.model.parameters())
        del loaded
        place_files(paths, folder, downloaded=source is None)
        manifest = _manifest({file: sha256_of(folder / file) for file in paths})
        (folder / MANIFEST).write_text(manifest, "utf-8")
    digest = sha256_of(folder / MANIFEST)
    card = ModelCard(
        name=name,
        version=digest[:12],  # the same wherever the files came from
        kind=KIND,
        file=MANIFEST,
        sha256=digest,
        licence=model.licence,
        parameters=parameters,
        settings=QwenSettings().stamp_settings(),
        notes=model.notes,
    )
    write_card(folder / f"{name}.json", card)
    drop_downloads(name, root)
    return card


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
    return engine.load(folder, settings, stamp, device=device)


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


def _manifest(digests: dict[str, str]) -> str:
    """In the form of sha256sum, by name: `sha256sum -c` checks it too."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
