"""The line reader `crnn-published`: the network of `IsmatS/handwriting-recognition-iam`, pulled by `warraq models pull`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ocr_core.errors import ModelError
from ocr_core.ground import NORMALISATION_VERSION, normalise_height
from ocr_core.models import WEIGHTS, verified_bytes
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.models.remote import RemoteModel, drop_downloads, fetched, models_folder, remote_model
from ocr_core.recognizers.crnn.engine import (
    BATCH_LINES,
    LANGUAGE_MODEL,
    CrnnRecognizer,
    Decoding,
    crnn_stamp,
)
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import Frames
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.recognizers.pictures import LineJob, check_line, line_batches
from ocr_core.recognizers.published.checkpoint import Checkpoint, read_checkpoint
from ocr_core.recognizers.published.file import EVENED, PUBLISHED, read_published, write_published
from ocr_core.recognizers.published.network import HEIGHT, NARROWEST, PublishedCrnn, PublishedReader
from ocr_core.records import EngineStamp

NAME = "crnn-published"
KIND = "crnn-published"
_STEP = 64
_BATCH_COLUMNS = 6_000
"""Padded columns of a batch: larger ones spend more time on fetching memory than they save."""
_LONGEST = 8_000


class PublishedRecognizer(CrnnRecognizer):
    """Reads lines with the published network. Make one with `load`.

    A line reads the same whatever it is batched with (see `published.network`).
    """

    def __init__(
        self,
        network: PublishedCrnn,
        charset: Charset,
        stamp: EngineStamp,
        *,
        preparation: str = PUBLISHED,
        device: str = "auto",
        precision: str = "auto",
        calibration: Sequence[tuple[float, float]] = (),
        language: NgramModel | None = None,
    ) -> None:
        """Take a network, which is changed in place; arguments as for `CrnnRecognizer`.

        Args:
            preparation: that of the network's file (see `published.file`).
        """
        self._preparation = preparation
        super().__init__(
            network,  # type: ignore[arg-type]
            charset,
            stamp,
            device=device,
            precision=precision,
            calibration=calibration,
            language=language,
        )

    def _take(self, network: Any) -> None:
        reader = PublishedReader(network, int8=self._int8).to(
            device=self._device, memory_format=torch.channels_last
        )  # type: ignore[call-overload]
        self._reader = reader.bfloat16() if self._bf16 else reader.float()

    @classmethod
    def load(
        cls,
        name: str = NAME,
        *,
        device: str = "auto",
        precision: str = "auto",
        folder: Path | None = None,
        decoding: Decoding | None = None,
        language_model: str = LANGUAGE_MODEL,
        language_folder: Path | None = None,
    ) -> PublishedRecognizer:
        """Load pulled weights, after checking them against the sha256 recorded when they were pulled.

        Args:
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
        return cls(
            network, charset, stamp, preparation=preparation, device=device, precision=precision,
            calibration=card.calibration, language=language,
        )  # fmt: skip

    def _prepare(self, place: int, pixels: NDArray[np.uint8]) -> LineJob:
        check_line(pixels, _LONGEST / HEIGHT)
        if self._preparation == EVENED:
            return LineJob(place, normalise_height(pixels, HEIGHT), HEIGHT / len(pixels))
        return LineJob(place, as_published(pixels), HEIGHT / len(pixels))

    def _scores(self, jobs: Sequence[LineJob]) -> Iterator[tuple[Sequence[LineJob], list[Frames]]]:
        for batch in line_batches(jobs, BATCH_LINES, _BATCH_COLUMNS):
            widths = [max(job.image.shape[1], NARROWEST) for job in batch]
            columns = -(-widths[-1] // _STEP) * _STEP
            # At least two rows: a row alone takes another path through oneDNN, with other rounding.
            count = max(2, len(batch))
            x = torch.zeros(count, 1, HEIGHT, columns)
            for row, job in enumerate(batch):
                x[row, 0, :, : job.image.shape[1]] = torch.from_numpy(job.image).float() / 127.5 - 1
            ends = torch.tensor(widths + [columns] * (count - len(batch)), device=self._device)
            with torch.inference_mode():
                logits = self._reader(x.to(self._device, self._reader.fc.weight.dtype), ends)
                scores = logits.float().log_softmax(2).transpose(0, 1).cpu().numpy()
            yield batch, [scores[row, : width // 4 - 1] for row, width in enumerate(widths)]


def as_published(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale a grey line to 128 rows with a Lanczos filter, its proportions kept: the published preparation."""
    rows, columns = pixels.shape
    width = max(1, int(HEIGHT * (columns / rows)))
    scaled = Image.fromarray(pixels).resize((width, HEIGHT), Image.Resampling.LANCZOS)
    return np.array(scaled, dtype=np.uint8)


def published_settings(preparation: str) -> tuple[tuple[str, str], ...]:
    """What can change the text besides the weights, for cards and stamps."""
    normalisation = PUBLISHED if preparation == PUBLISHED else NORMALISATION_VERSION
    return (("decoding", "greedy"), ("normalisation", normalisation))


def pull_published(
    name: str = NAME, source: Path | None = None, characters: str | None = None, root: Path | None = None
) -> ModelCard:
    """Pull the published checkpoint and turn it once into safetensors and a card, in the folder of pulled models.

    Args:
        source, root: as for `models.remote.fetched`.
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
