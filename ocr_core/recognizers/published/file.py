"""The published network on disk: safetensors, whose header also holds the characters and how pictures are prepared."""

from __future__ import annotations

from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.network_file import MOST_CLASSES, fill, read_network, write_network
from ocr_core.recognizers.published.network import PublishedCrnn

FORMAT = "warraq-published-crnn-1"
PUBLISHED = "published"
"""Pictures go in as they are, scaled to height with a Lanczos filter: how the published weights were trained."""
EVENED = "evened"
"""Ground and contrast are evened first (`ground.normalise_height`): how `warraq train crnn` shows lines."""
_REMEDY = "Pull the model again with `warraq models pull`, or train it anew with `warraq train crnn`."


def write_published(path: Path, network: PublishedCrnn, charset: Charset, preparation: str) -> None:
    """Write weights (float32), characters and preparation, atomically."""
    if charset.classes != network.fc.out_features:
        raise ModelError(
            f"{charset.classes} classes in the table, {network.fc.out_features} in the network",
            remedy=_REMEDY,
        )
    header = {"format": FORMAT, "characters": charset.characters, "preparation": preparation}
    write_network(path, network.state_dict(), header)


def read_published(data: bytes, name: str) -> tuple[PublishedCrnn, Charset, str]:
    """Network ready for inference, characters, and preparation (`published` or `evened`) of a `write_published` file.

    Args:
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors, is cut short, has a wrong header, or tensors of another network.
    """
    tensors, header = read_network(data, name, FORMAT, _REMEDY)
    if header.get("preparation") not in (PUBLISHED, EVENED):
        raise ModelError(f"{name} does not say how its pictures are prepared", remedy=_REMEDY)
    charset = Charset(header.get("characters", ""))
    if charset.classes > MOST_CLASSES:
        raise ModelError(f"{name} has {charset.classes} classes", remedy=_REMEDY)
    network = PublishedCrnn(charset.classes)
    fill(network, tensors, name, _REMEDY)
    return network, charset, header["preparation"]
