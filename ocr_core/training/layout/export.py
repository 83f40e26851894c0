"""From a trained line finder to a model that can be packaged: ONNX, which OpenCV runs without PyTorch, and its card."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from ocr_core.models.card import DataSource, Figure, ModelCard, Training, sha256_of, write_card
from ocr_core.training.layout.config import LayoutTrainSettings, PageTrainSettings
from ocr_core.training.layout.network import LayoutNetwork
from ocr_core.training.provenance import documents_held_out, training_of

KIND = "layout"


def export_layout(
    settings: LayoutTrainSettings,
    network: LayoutNetwork,
    rates: Mapping[str, tuple[float, int]],
    steps: int,
    seconds: float,
) -> Path:
    """Write `NAME-VERSION.onnx` and `NAME-VERSION.json` into the folder of the run. Returns the card's path.

    Args:
        rates: by corpus the F1 of baseline pixels on held-out documents, and the number of pieces.
    """
    figures = tuple(Figure(f"pixel F1 {name}", round(f1, 4), pieces) for name, (f1, pieces) in rates.items())
    notes = (
        f"Averaged weights after {steps} steps; figures are of baseline pixels on pieces of held-out pages."
    )
    write_onnx(network, weights_path(settings))
    training = training_of("layout", settings, documents_held_out(settings.corpora), seconds)
    return write_page_card(settings, KIND, network, figures, notes, training)


def weights_path(settings: PageTrainSettings) -> Path:
    """Where the trained network of a run goes."""
    return settings.run.folder / f"{settings.name}-{settings.version}.onnx"


def write_page_card(
    settings: PageTrainSettings,
    kind: str,
    network: nn.Module,
    figures: tuple[Figure, ...],
    notes: str,
    training: Training,
    more_data: Sequence[DataSource] = (),
) -> Path:
    """Write the card of a network of pages beside its weights. Returns its path.

    Args:
        training: how its weights were made.
        more_data: besides the corpora and the synthetic Arabic pages of the settings.
    """
    weights = weights_path(settings)
    synthetic = settings.synthetic
    data = [DataSource(c.name, c.source, c.licence) for c in settings.corpora if c.share > 0]
    if synthetic.layouts and synthetic.share > 0:
        data.append(DataSource("synthetic Arabic pages", synthetic.source, synthetic.licence))
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind=kind,
        file=weights.name,
        sha256=sha256_of(weights),
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in network.parameters()),
        data=(*data, *more_data),
        figures=figures,
        training=training,
        notes=notes,
    )
    path = weights.with_suffix(".json")
    write_card(path, card)
    return path


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write a network of pages as ONNX: `page` float32 [1, 1, H, W] → `maps` [1, n, h, w], batch norms folded in."""
    part = path.with_name(path.name + ".part")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (torch.zeros(1, 1, 64, 64),),
            str(part),
            input_names=["page"],
            output_names=["maps"],
            dynamic_axes={"page": {2: "height", 3: "width"}, "maps": {2: "rows", 3: "columns"}},
            opset_version=13,
            dynamo=False,
        )
    part.replace(path)
