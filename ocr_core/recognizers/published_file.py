"""The published network on disk: safetensors, whose header also holds the characters and how pictures are prepared."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from ocr_core.errors import ModelError
from ocr_core.recognizers.charset import Charset
from ocr_core.recognizers.crnn_file import _header
from ocr_core.recognizers.published_crnn import PublishedCrnn

FORMAT = "warraq-published-crnn-1"
PUBLISHED = "published"
"""Pictures go in as they are, scaled to height with a Lanczos filter: how the published weights were trained."""
EVENED = "evened"
"""Ground and contrast are evened first (`ground.normalise_height`): how `warraq train crnn` shows lines."""
_REMEDY = "Pull the model again with `warraq models pull`, or train it anew with `warraq train crnn`."
_MOST_CLASSES = 20_000


def write_published(path: Path, network: PublishedCrnn, charset: Charset, preparation: str) -> None:
    """Write weights (float32), characters and preparation, atomically."""
    if charset.classes != network.fc.out_features:
        raise ModelError(
            f"{charset.classes} classes in the table, {network.fc.out_features} in the network",
            remedy=_REMEDY,
        )
    tensors = {name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()}
    header = {"format": FORMAT, "characters": charset.characters, "preparation": preparation}
    part = path.with_name(path.name + ".part")
    save_file(tensors, str(part), metadata=header)
    part.replace(path)


def read_published(data: bytes, name: str) -> tuple[PublishedCrnn, Charset, str]:
    """Network ready for inference, characters, and preparation (`published` or `evened`) of a `write_published` file.

    Args:
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors, is cut short, has a wrong header, or tensors of another network.
    """
    try:
        tensors, header = load(data), _header(data)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{name} is not a whole safetensors file: {error}", remedy=_REMEDY) from error
    if header.get("format") != FORMAT or header.get("preparation") not in (PUBLISHED, EVENED):
        raise ModelError(f"{name} is not a {FORMAT} file", remedy=_REMEDY)
    charset = Charset(header.get("characters", ""))
    if charset.classes > _MOST_CLASSES:
        raise ModelError(f"{name} has {charset.classes} classes", remedy=_REMEDY)
    network = PublishedCrnn(charset.classes)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{name} does not fit its network: {error}", remedy=_REMEDY) from error
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
        raise ModelError(f"{name} has weights that are not numbers", remedy=_REMEDY)
    return network.eval(), charset, header["preparation"]
