"""The published TrOCR model on this machine: pulled once, held to its sha256 before every load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models import sha256_of
from ocr_core.models.card import DataSource, Figure, ModelCard, read_card
from ocr_core.models.pull import pull_folder
from ocr_core.models.pulled import models_folder, pulled, verified_folder
from ocr_core.models.remote import REMOTE, RemoteModel
from ocr_core.recognizers.model_folder import WEIGHTS_FILE
from ocr_core.recognizers.trocr.engine import BEAMS, KIND, TrocrRecognizer, stamp_of
from ocr_core.recognizers.trocr.file import TrocrFolder, load_folder
from ocr_core.records import EngineStamp

NAME = "trocr-base-handwritten"


def pull_trocr(name: str = NAME, source: Path | None = None, root: Path | None = None) -> ModelCard:
    """Pull the model's files, load them once to see that they are whole, and write a card beside them.

    Args:
        source, root: as for `models.pull.fetched`.

    Raises:
        MissingDependency: the hub cannot be reached.
        ModelError: the files are not those pulled first, or not a whole model.
    """
    return pull_folder(name, load_folder, _card, source, root)


def load_trocr(
    name: str, *, device: str = "auto", beams: int = 1, root: Path | None = None
) -> TrocrRecognizer:
    """Load the pulled model, after checking every file against the sha256 recorded when it was pulled.

    Raises:
        ModelError: it was not pulled, or a file is missing or is another than was pulled.
    """
    folder = verified_folder(name, root)
    record = pulled(name, root)
    assert record is not None
    return TrocrRecognizer.load(folder, name=name, version=record.revision[:12], device=device, beams=beams)


def pulled_stamp(name: str, *, beams: int = 1, root: Path | None = None) -> EngineStamp:
    """The stamp of the pulled model, without loading or checking it.

    Raises:
        ModelError: it was not pulled.
    """
    folder = (root or models_folder()) / name
    record = pulled(name, root)
    if record is None or not (folder / f"{name}.json").exists():
        raise ModelError(f"{name} is not on this machine", remedy=f"Run `warraq models pull {name}`.")
    card = read_card(folder / f"{name}.json")
    return stamp_of(folder, name, record.revision[:12], (), beams, card.sha256)


def model_folder(name: str) -> Path:
    """The folder of a pulled model, or the folder that is named by its path."""
    return models_folder() / name if name in REMOTE else Path(name)


def beams_of(decoding: str | None) -> int:
    """`greedy` or None take the likeliest token each time, `beam` searches."""
    return BEAMS if decoding == "beam" else 1


def _card(model: RemoteModel, files: Mapping[str, Path], loaded: TrocrFolder) -> ModelCard:
    return ModelCard(
        name=model.name,
        version=model.revision[:12],
        kind=KIND,
        file=WEIGHTS_FILE,
        sha256=sha256_of(files[WEIGHTS_FILE]),
        licence=model.licence,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
        data=(DataSource("IAM", f"huggingface {model.repo}", "research use"),),
        figures=(Figure("CER IAM test, as published", 0.0342, 2915),),
        settings=(("decoding", "greedy"), ("normalisation", "plain")),
        notes=model.notes,
    )
