"""From a training run to a model that can be packaged: safetensors and its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.recognizers.charset import Charset
from ocr_core.recognizers.crnn_network import Crnn
from ocr_core.recognizers.crnn_file import write_crnn
from ocr_core.training.config import TrainSettings
from ocr_core.training.metrics import ErrorRates


def export_run(
    settings: TrainSettings, network: Crnn, charset: Charset, rates: Mapping[str, ErrorRates], steps: int
) -> Path:
    """Write `NAME-VERSION.safetensors` and `NAME-VERSION.json` into the folder of the run. Returns the card's path."""
    stem = f"{settings.name}-{settings.version}"
    weights = settings.run.folder / f"{stem}.safetensors"
    write_crnn(weights, network, charset)
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind="crnn",
        file=weights.name,
        sha256=sha256_of(weights),
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in network.parameters()),
        data=tuple(DataSource(c.name, c.source, c.licence) for c in settings.corpora if c.share > 0),
        figures=tuple(
            figure
            for name, rate in rates.items()
            for figure in (Figure(f"CER {name}", rate.cer, rate.lines), Figure(f"WER {name}", rate.wer, rate.lines))
        ),
        notes=f"Averaged weights after {steps} steps; error rates of greedy reading on held-out documents, "
        "lines cut by the ground-truth outlines.",
    )
    path = settings.run.folder / f"{stem}.json"
    write_card(path, card)
    return path
