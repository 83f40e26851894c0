"""The compact CRNN on disk: safetensors, whose header also holds the shape and the characters.

Weights are stored in half precision; batch norm is kept as it is, so that a file can be trained on.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.recognizers.crnn.network import Crnn, CrnnShape
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.network_file import MOST_CLASSES, fill, halved, read_network, write_network

FORMAT = "warraq-crnn-1"
_REMEDY = "Restore the file from where it was published, or train it anew with `warraq train crnn`."


def write_crnn(path: Path, network: Crnn, charset: Charset) -> None:
    """Write a network's weights, shape and characters, atomically."""
    if charset.classes != network.shape.classes:
        raise ModelError(
            f"{charset.classes} classes in the table, {network.shape.classes} in the network", remedy=""
        )
    header = {"format": FORMAT, "shape": json.dumps(asdict(network.shape)), "characters": charset.characters}
    write_network(path, halved(network), header)


def read_crnn(data: bytes, name: str) -> tuple[Crnn, Charset]:
    """Read a network, ready for inference.

    Args:
        data: a whole file of `write_crnn`.
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors (a pickle, say), is cut short, has no or a wrong header, or its
            tensors are not those of the network that the header describes.
    """
    tensors, header = read_network(data, name, FORMAT, _REMEDY)
    try:
        values = json.loads(header["shape"])
        shape = CrnnShape(**{**values, "channels": tuple(values["channels"])})
        charset = Charset(header["characters"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name} has a damaged header: {error}", remedy=_REMEDY) from error
    if charset.classes != shape.classes or shape.classes > MOST_CLASSES:
        raise ModelError(
            f"{name} has {shape.classes} outputs and a table of {len(charset.characters)} characters",
            remedy=_REMEDY,
        )
    network = Crnn(shape)
    fill(network, tensors, name, _REMEDY)
    return network, charset
