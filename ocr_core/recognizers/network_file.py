"""Weights on disk: safetensors with a header of our own, written whole, and read only if every tensor fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

from ocr_core.errors import ModelError

MOST_CLASSES = 20_000
"""Outputs of a network that are believed: more would be a damaged header, and memory."""


def halved(network: nn.Module) -> dict[str, torch.Tensor]:
    """The weights in half precision; the statistics of batch norms as they are, so that a file can be trained on."""
    return {
        name: value.half()
        if value.is_floating_point() and not name.endswith(("running_mean", "running_var"))
        else value
        for name, value in network.state_dict().items()
    }


def write_network(path: Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and header, atomically."""
    part = path.with_name(path.name + ".part")
    stored = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    save_file(stored, str(part), metadata=dict(header))
    part.replace(path)


def read_network(
    data: bytes, name: str, format_: str, remedy: str
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors, of floats as float32, and header of a file of `write_network` whose header names this format.

    Args:
        data: the whole file.
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors (a pickle, say), is cut short, is of another format, or has weights
            that are not numbers.
    """
    try:
        tensors = load(data)
        header = _header(data)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{name} is not a whole safetensors file: {error}", remedy=remedy) from error
    if header.get("format") != format_:
        raise ModelError(f"{name} is not a {format_} file", remedy=remedy)
    floats = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}
    if not all(bool(torch.isfinite(t).all()) for t in floats.values() if t.is_floating_point()):
        raise ModelError(f"{name} has weights that are not numbers", remedy=remedy)
    return floats, header


def fill(network: nn.Module, tensors: Mapping[str, torch.Tensor], name: str, remedy: str) -> None:
    """Give a network its weights and set it to inference.

    Raises:
        ModelError: a tensor is missing, too many, or of another shape.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{name} does not fit its network: {error}", remedy=remedy) from error
    network.eval()


def _header(data: bytes) -> dict[str, str]:
    """The free metadata of a safetensors file: 8 bytes of length, then JSON with `__metadata__`."""
    length = int.from_bytes(data[:8], "little")
    values = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return {str(k): str(v) for k, v in values.items()}
