"""From a training run to a model that can be packaged: safetensors and its card."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models.card import DataSource, Figure, ModelCard, read_card, sha256_of, write_card
from ocr_core.recognizers.crnn.engine import DRAWN, crnn_settings
from ocr_core.recognizers.crnn.file import write_crnn
from ocr_core.recognizers.crnn.network import Crnn
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.published.engine import KIND, published_settings
from ocr_core.recognizers.published.file import EVENED, write_published
from ocr_core.training.calibrate import Calibration
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.crnn.networks import LineNetwork
from ocr_core.training.metrics import ErrorRates
from ocr_core.training.provenance import documents_held_out, training_of


def export_run(
    settings: TrainSettings,
    network: LineNetwork,
    charset: Charset,
    rates: Mapping[str, ErrorRates],
    steps: int,
    calibration: Calibration,
    seconds: float,
) -> Path:
    """Write `NAME-VERSION.safetensors` and `NAME-VERSION.json` into the folder of the run. Returns the card's path."""
    stem = f"{settings.name}-{settings.version}"
    weights = settings.run.folder / f"{stem}.safetensors"
    compact = isinstance(network, Crnn)
    if isinstance(network, Crnn):
        write_crnn(weights, network, charset)
    else:
        write_published(weights, network.network, charset, EVENED)
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind="crnn" if compact else KIND,
        file=weights.name,
        sha256=sha256_of(weights),
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in network.parameters()),
        data=tuple(DataSource(c.name, c.source, c.licence) for c in settings.corpora if c.share > 0),
        figures=_figures(rates, calibration),
        settings=crnn_settings(drawn=settings.order == DRAWN) if compact else published_settings(EVENED),
        calibration=calibration.points,
        training=training_of("crnn", settings, _held_out(settings), seconds),
        notes=_beginning(settings)
        + f"Averaged weights after {steps} steps; error rates of greedy reading on {_measured_on(settings)}.",
    )
    path = settings.run.folder / f"{stem}.json"
    write_card(path, card)
    return path


def _beginning(settings: TrainSettings) -> str:
    n = settings.network
    frozen = ", its convolutions left as they were" if n.freeze else ""
    retained = f", {n.retain:.0%} of it retained" if n.retain else ""
    return f"Trained on from {Path(n.init).name}{frozen}{retained}. " if n.init else ""


def _held_out(settings: TrainSettings) -> str:
    return documents_held_out(c for c in settings.corpora if c.share > 0)


def _measured_on(settings: TrainSettings) -> str:
    if all(c.format == "synthetic" for c in settings.corpora):
        return "synthetic lines of held-out parts of the texts"
    return "held-out documents, lines cut by the ground-truth outlines"


def package(card: Path, folder: Path) -> ModelCard:
    """Copy an exported model to where packaged models are, as NAME.json and NAME with the suffix of its
    weights, which are copied first.

    Raises:
        ModelError: the card is damaged, or the weights are not those of the card.
    """
    found = read_card(card)
    weights = card.with_name(found.file)
    if sha256_of(weights) != found.sha256:
        raise ModelError(f"{weights} is not the file of its card", remedy="Export the model again.")
    packaged = replace(found, file=f"{found.name}{weights.suffix}")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{packaged.file}.part"
    shutil.copyfile(weights, part)
    part.replace(folder / packaged.file)
    write_card(folder / f"{found.name}.json", packaged)
    return packaged


def _figures(rates: Mapping[str, ErrorRates], calibration: Calibration) -> tuple[Figure, ...]:
    figures = []
    for name, rate in rates.items():
        figures += [
            Figure(f"CER {name}", round(rate.cer, 4), rate.lines),
            Figure(f"WER {name}", round(rate.wer, 4), rate.lines),
        ]
    lines = sum(rate.lines for rate in rates.values())
    if math.isfinite(calibration.error):
        figures.append(Figure("ECE of line confidence", round(calibration.error, 4), lines))
    return tuple(figures)
