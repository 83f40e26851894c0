"""Networks for isolated characters on disk: safetensors, whose header names the kind of network.

Weights are stored in half precision, the statistics of batch norms as they are.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from ocr_core.errors import ModelError
from ocr_core.recognizers.crnn_file import _header
from ocr_core.recognizers.glyph_network import CLASSES, GlyphNetwork, kind_of, new_network

FORMAT = "warraq-glyphs-1"
_REMEDY = "Reinstall Warraq, or train the network anew with `warraq train glyphs`."


def write_glyphs(path: Path, network: GlyphNetwork) -> None:
    """Write weights (float16) and classes, atomically."""
    tensors = {}
    for name, value in network.state_dict().items():
        half = value.is_floating_point() and not name.endswith(("running_mean", "running_var"))
        tensors[name] = (value.half() if half else value).detach().contiguous().cpu()
    part = path.with_name(path.name + ".part")
    header = {"format": FORMAT, "kind": kind_of(network), "classes": CLASSES}
    save_file(tensors, str(part), metadata=header)
    part.replace(path)


def read_glyphs(data: bytes, name: str) -> GlyphNetwork:
    """The network of a `write_glyphs` file, ready to read.

    Args:
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors, is cut short, has a wrong header, or tensors of another network.
    """
    try:
        tensors, header = load(data), _header(data)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{name} is not a whole safetensors file: {error}", remedy=_REMEDY) from error
    if header.get("format") != FORMAT or header.get("classes") != CLASSES:
        raise ModelError(f"{name} is not a {FORMAT} file of the 38 classes", remedy=_REMEDY)
    network = new_network("published" if header.get("kind") == "published" else "compact")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
        raise ModelError(f"{name} has weights that are not numbers", remedy=_REMEDY)
    try:
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except RuntimeError as error:
        raise ModelError(f"{name} does not fit its network: {error}", remedy=_REMEDY) from error
    return network.eval()
