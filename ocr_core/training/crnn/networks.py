"""The networks that `warraq train crnn` trains, behind one face, and what they start from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.errors import ModelError, UsageError
from ocr_core.models import WEIGHTS, read_card, verified_bytes
from ocr_core.models.card import sha256_of
from ocr_core.models.pulled import models_folder
from ocr_core.recognizers.crnn.file import read_crnn
from ocr_core.recognizers.crnn.network import REDUCTION, Crnn, CrnnShape, SequenceDropout
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.published.file import read_published
from ocr_core.recognizers.published.network import HEIGHT, PublishedCrnn, published_frames
from ocr_core.training.crnn.config import NetworkSettings
from ocr_core.training.crnn.widen import widen

logger = logging.getLogger(__name__)

LEAST = 3
"""Times that a character must occur to be learnt; lines with a rarer one are left out of training."""


class PublishedLines(nn.Module):
    """The published network with the face of `Crnn`: ink is 1 and ground 0 in what comes in."""

    def __init__(self, network: PublishedCrnn) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, widths: Tensor) -> tuple[Tensor, None]:
        """[B, 1, 128, W] and widths [B] → logits [W / 4 - 1, B, classes], and no auxiliary head."""
        return self.network(1 - 2 * x, widths), None


LineNetwork = Crnn | PublishedLines


def height_of(network: LineNetwork) -> int:
    """Rows of its pictures."""
    return network.shape.height if isinstance(network, Crnn) else HEIGHT


def frames_of(network: LineNetwork, widths: Tensor) -> Tensor:
    """Frames it gives for lines of so many columns, int [B]."""
    if isinstance(network, PublishedLines):
        return published_frames(widths)
    return (widths + REDUCTION - 1) // REDUCTION


def shape_of(network: LineNetwork) -> dict[str, object]:
    """What must be the same for a checkpoint to fit."""
    if isinstance(network, PublishedLines):
        return {"kind": "published", "classes": network.network.fc.out_features}
    return asdict(network.shape)


def same_shape(network: LineNetwork) -> LineNetwork:
    """A new network of the same shape, its weights by chance."""
    if isinstance(network, PublishedLines):
        return PublishedLines(PublishedCrnn(network.network.fc.out_features))
    return Crnn(network.shape)


def begin(settings: NetworkSettings, texts: Iterable[str]) -> tuple[LineNetwork, Charset]:
    """The network a run begins with, and its characters: those of `init`, then those that occur three times in `texts`.

    Raises:
        UsageError: the settings ask for another shape than `init` has.
        ModelError: `init` is not there, damaged, or of another kind.
    """
    if not settings.init:
        charset = Charset.of(texts, least=LEAST)
        network = _new(settings, charset.classes)
    else:
        network, old = _initial(settings)
        counts = Counter(c for text in texts for c in text if c not in old.characters)
        new = "".join(sorted(c for c, n in counts.items() if n >= LEAST))
        charset = Charset(old.characters + new)
        network = _with_classes(network, charset.classes)
        logger.info("begins with %s; %d characters are new to it: %s", settings.init, len(new), new or "none")
    if settings.freeze == "cnn":
        _freeze(network)
    return network, charset


def _new(settings: NetworkSettings, classes: int) -> LineNetwork:
    if settings.kind == "published":
        return PublishedLines(PublishedCrnn(classes))
    n = settings
    return Crnn(CrnnShape(classes, n.height, n.channels, n.hidden, n.layers, n.dropout))


def _initial(settings: NetworkSettings) -> tuple[LineNetwork, Charset]:
    data = _bytes_of(settings.init)
    if settings.kind == "published":
        published, charset, _ = read_published(data, settings.init)
        return PublishedLines(published), charset
    network, charset = read_crnn(data, settings.init)
    shape = asdict(network.shape)
    asked = {key: getattr(settings, key) for key in settings.model_fields_set & shape.keys()}
    for key in asked.keys() & {"height", "layers"}:
        if asked[key] != shape[key]:
            raise UsageError(
                f"network.{key} is {asked[key]}, but {settings.init} has {shape[key]}",
                remedy=f"Leave network.{key} out: the weights fix it.",
            )
    for key in asked.keys() & {"channels", "hidden"}:
        if np.less(asked[key], shape[key]).any():
            raise UsageError(
                f"network.{key} is {asked[key]}, less than the {shape[key]} of {settings.init}",
                remedy=f"Raise network.{key}, or leave it out: a trained network can be made wider, not narrower.",
            )
    return widen(network, replace(network.shape, **asked | {"dropout": settings.dropout})), charset


def _bytes_of(init: str) -> bytes:
    """Weights by name (packaged or pulled) or path, checked against their card where they have one."""
    path = Path(init)
    if path.suffix != ".safetensors":
        pulled = models_folder() / init
        return verified_bytes(init, pulled if (pulled / f"{init}.json").exists() else WEIGHTS)[1]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The weights to begin with cannot be read: {error}", remedy="Correct network.init."
        ) from error
    card = path.with_suffix(".json")
    if card.exists() and read_card(card).sha256 != sha256_of(path):
        raise ModelError(f"{path} is not the file of its card", remedy="Restore it from a copy.")
    return data


def _with_classes(network: LineNetwork, classes: int) -> LineNetwork:
    """A network with outputs for new characters after the old ones: unlikely at first, near chance in what they see."""
    if isinstance(network, PublishedLines):
        wide: LineNetwork = PublishedLines(PublishedCrnn(classes))
    else:
        wide = Crnn(replace(network.shape, classes=classes))
    values = wide.state_dict()
    for name, old in network.state_dict().items():
        if old.shape == values[name].shape:
            values[name] = old
        else:
            values[name] *= 0.1
            if old.ndim == 1:
                values[name] += old[1:].mean()
            values[name][: len(old)] = old
    wide.load_state_dict(values)
    return wide


def _freeze(network: LineNetwork) -> None:
    frozen = (network.stem, network.stages) if isinstance(network, Crnn) else (network.network.cnn,)
    for part in frozen:
        part.requires_grad_(False)


def hold_frozen_norms(network: nn.Module) -> None:
    """Norms whose weights are frozen keep their statistics too, also while the rest trains."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


def seed_dropout(network: LineNetwork, generator: torch.Generator) -> None:
    """Make what a step drops a function of the generator's seed."""
    for module in network.modules():
        if isinstance(module, SequenceDropout):
            module.generator = generator
    if isinstance(
        network, PublishedLines
    ):  # dropout inside nn.LSTM draws from the one generator of all threads
        torch.manual_seed(generator.initial_seed())
