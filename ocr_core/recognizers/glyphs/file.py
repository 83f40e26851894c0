"""Networks for isolated characters on disk: safetensors, whose header names the kind of network.

Weights are stored in half precision, the statistics of batch norms as they are.
"""

from __future__ import annotations

from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.recognizers.glyphs.network import CLASSES, GlyphNetwork, kind_of, new_network
from ocr_core.recognizers.network_file import fill, halved, read_network, write_network

FORMAT = "warraq-glyphs-1"
_REMEDY = "Reinstall Warraq, or train the network anew with `warraq train glyphs`."


def write_glyphs(path: Path, network: GlyphNetwork) -> None:
    """Write weights (float16) and classes, atomically."""
    header = {"format": FORMAT, "kind": kind_of(network), "classes": CLASSES}
    write_network(path, halved(network), header)


def read_glyphs(data: bytes, name: str) -> GlyphNetwork:
    """The network of a `write_glyphs` file, ready to read.

    Args:
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors, is cut short, has a wrong header, or tensors of another network.
    """
    tensors, header = read_network(data, name, FORMAT, _REMEDY)
    if header.get("classes") != CLASSES:
        raise ModelError(f"{name} is not of the 38 classes", remedy=_REMEDY)
    network = new_network("published" if header.get("kind") == "published" else "compact")
    fill(network, tensors, name, _REMEDY)
    return network
