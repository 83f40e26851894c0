"""The line reader `crnn-published`: the network of `IsmatS/handwriting-recognition-iam`, pulled by `warraq models pull`."""

from __future__ import annotations

from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.ground import NORMALISATION_VERSION
from ocr_core.models import WEIGHTS, verified_bytes
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.models.pull import drop_downloads, fetched
from ocr_core.models.pulled import models_folder
from ocr_core.models.remote import RemoteModel, remote_model
from ocr_core.recognizers.crnn.engine import LANGUAGE_MODEL, CrnnRecognizer, Decoding, crnn_stamp
from ocr_core.recognizers.crnn.lines import Placement
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.recognizers.published.checkpoint import Checkpoint, read_checkpoint
from ocr_core.recognizers.published.file import PUBLISHED, read_published, write_published
from ocr_core.recognizers.published.lines import PublishedLines

NAME = "crnn-published"
KIND = "crnn-published"


def load_published(
    name: str = NAME,
    *,
    device: str = "auto",
    precision: str = "auto",
    folder: Path | None = None,
    decoding: Decoding | None = None,
    language_model: str = LANGUAGE_MODEL,
    language_folder: Path | None = None,
) -> CrnnRecognizer:
    """A reader with pulled weights, checked against the sha256 recorded when they were pulled.

    Args:
        device, precision: see `Placement`.
        folder: of weights and card; the folder of pulled models by default.
        decoding: `beam` for beam search with the language model, else the best path.
        language_model, language_folder: where the language model is; the packaged one by default.

    Raises:
        ModelError: the model was not pulled, or is damaged.
    """
    folder = folder or models_folder() / name
    if not (folder / f"{name}.json").exists():
        raise ModelError(f"{name} is not on this machine", remedy=f"Run `warraq models pull {name}`.")
    card, data = verified_bytes(name, folder)
    if card.kind != KIND:
        raise ModelError(f"{name} is a {card.kind}, not a {KIND}", remedy=f"Name a model of kind {KIND}.")
    network, charset, preparation = read_published(data, card.file)
    language_folder = language_folder or WEIGHTS
    stamp = crnn_stamp(
        name,
        decoding or "greedy",
        language_model=language_model,
        folder=folder,
        language_folder=language_folder,
    )
    language = NgramModel.load(language_model, folder=language_folder) if decoding == "beam" else None
    lines = PublishedLines(network, Placement.of(device, precision), preparation)
    return CrnnRecognizer(lines, charset, stamp, calibration=card.calibration, language=language)


def published_settings(preparation: str) -> tuple[tuple[str, str], ...]:
    """What can change the text besides the weights, for cards and stamps."""
    normalisation = PUBLISHED if preparation == PUBLISHED else NORMALISATION_VERSION
    return (("decoding", "greedy"), ("normalisation", normalisation))


def pull_published(
    name: str = NAME, source: Path | None = None, characters: str | None = None, root: Path | None = None
) -> ModelCard:
    """Pull the published checkpoint and turn it once into safetensors and a card, in the folder of pulled models.

    Args:
        source, root: as for `models.pull.fetched`.
        characters: as for `read_checkpoint`.

    Raises:
        MissingDependency: the hub cannot be reached.
        ModelError: the file is not the one pulled first, or not the published network.
    """
    model = remote_model(name)
    folder = (root or models_folder()) / name
    weights = folder / f"{name}.safetensors"
    with fetched(model, source, root) as paths:
        path = paths[model.files[0]]
        try:
            checkpoint = read_checkpoint(path, characters)
        except ModelError:
            drop_downloads(name, root)  # so that the next pull does not find it again
            raise
        folder.mkdir(parents=True, exist_ok=True)
        write_published(weights, checkpoint.network, checkpoint.charset, PUBLISHED)
        card = _card(model, checkpoint, weights, sha256_of(path))
    write_card(folder / f"{name}.json", card)
    drop_downloads(name, root)
    return card


def _card(model: RemoteModel, checkpoint: Checkpoint, weights: Path, digest: str) -> ModelCard:
    told = checkpoint.val_cer
    figures = () if told is None else (Figure("CER IAM validation", told / 100 if told > 1 else told, 976),)
    return ModelCard(
        name=model.name,
        version="1",
        kind=KIND,
        file=weights.name,
        sha256=sha256_of(weights),
        licence=model.licence,
        parameters=sum(p.numel() for p in checkpoint.network.parameters()),
        data=(DataSource("Teklia/IAM-line", f"huggingface {model.repo}", "research use"),),
        figures=figures,
        settings=published_settings(PUBLISHED),
        notes=f"{model.notes} Converted from {model.files[0]}, sha256 {digest}, epoch {checkpoint.epoch}; "
        "the figure is the file's own.",
    )
