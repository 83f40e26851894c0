"""More channels and more cells for a trained network, which at first reads as it did before.

After Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer" (ICLR 2016), but the new units are
drawn by chance instead of copied, and what was there before does not listen to them yet: copies would have to be
told apart by noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ocr_core.recognizers.crnn.network import Crnn, CrnnShape

_GATES, _DIRECTIONS = 4, 2


def widen(network: Crnn, shape: CrnnShape) -> Crnn:
    """A network of `shape` that holds `network` and gives the same logits.

    `shape` must have the classes, height and layers of the network, and no fewer channels and hidden cells.
    """
    wide = Crnn(shape)
    values = wide.state_dict()
    for name, old in network.state_dict().items():
        values[name] = _set_in(values[name], old, name)
    wide.load_state_dict(values)
    return wide


def _set_in(new: Tensor, old: Tensor, name: str) -> Tensor:
    """`new` with `old` at the places of its units, zero where those would read units of `new` alone."""
    if old.ndim == 0:
        return old
    rows = _places(old.shape[0], new.shape[0], _GATES if ".ahead." in name or ".back." in name else 1)
    if old.ndim == 1:
        new[rows] = old
        return new
    two_ways = name == "head.weight" or (name.endswith("weight_ih_l0") and not name.startswith("rnn.0."))
    columns = _places(old.shape[1], new.shape[1], _DIRECTIONS if two_ways else 1)
    new[rows] = 0
    new[rows[:, None], columns[None]] = old
    return new


def _places(old: int, new: int, blocks: int) -> Tensor:
    """Where `old` units stand among `new` when both are made of so many equal blocks: int64 [old]."""
    return (torch.arange(blocks)[:, None] * (new // blocks) + torch.arange(old // blocks)).flatten()
