"""The compact CRNN on disk: safetensors, whose header also holds the shape and the characters.

Weights are stored in half precision; batch norm is kept as it is, so that a file can be trained on.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from ocr_core.errors import ModelError
from ocr_core.recognizers.charset import Charset
from ocr_core.recognizers.crnn_network import Crnn, CrnnShape

FORMAT = "warraq-crnn-1"
_REMEDY = "Restore the file from where it was published, or train it anew with `warraq train crnn`."
_MOST_CLASSES = 20_000


def write_crnn(path: Path, network: Crnn, charset: Charset) -> None:
    """Write a network's weights, shape and characters, atomically."""
    if charset.classes != network.shape.classes:
        raise ModelError(
            f"{charset.classes} classes in the table, {network.shape.classes} in the network", remedy=""
        )
    tensors = {}
    for name, value in network.state_dict().items():
        half = value.is_floating_point() and not name.endswith(("running_mean", "running_var"))
        tensors[name] = (value.half() if half else value).contiguous().cpu()
    header = {"format": FORMAT, "shape": json.dumps(asdict(network.shape)), "characters": charset.characters}
    part = path.with_name(path.name + ".part")
    save_file(tensors, str(part), metadata=header)
    part.replace(path)


def read_crnn(data: bytes, name: str) -> tuple[Crnn, Charset]:
    """Read a network, ready for inference.

    Args:
        data: a whole file of `write_crnn`.
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors (a pickle, say), is cut short, has no or a wrong header, or its
            tensors are not those of the network that the header describes.
    """
    try:
        tensors = load(data)
        header = _header(data)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{name} is not a whole safetensors file: {error}", remedy=_REMEDY) from error
    if header.get("format") != FORMAT:
        raise ModelError(f"{name} is not a {FORMAT} file", remedy=_REMEDY)
    try:
        values = json.loads(header["shape"])
        shape = CrnnShape(**{**values, "channels": tuple(values["channels"])})
        charset = Charset(header["characters"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name} has a damaged header: {error}", remedy=_REMEDY) from error
    if charset.classes != shape.classes or shape.classes > _MOST_CLASSES:
        raise ModelError(
            f"{name} has {shape.classes} outputs and a table of {len(charset.characters)} characters",
            remedy=_REMEDY,
        )
    network = Crnn(shape)
    floats = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}
    try:
        network.load_state_dict(floats)
    except RuntimeError as error:
        raise ModelError(f"{name} does not fit its network: {error}", remedy=_REMEDY) from error
    if not all(bool(torch.isfinite(t).all()) for t in floats.values() if t.is_floating_point()):
        raise ModelError(f"{name} has weights that are not numbers", remedy=_REMEDY)
    return network.eval(), charset


def _header(data: bytes) -> dict[str, str]:
    """The free metadata of a safetensors file: 8 bytes of length, then JSON with `__metadata__`."""
    length = int.from_bytes(data[:8], "little")
    values = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return {str(k): str(v) for k, v in values.items()}
