"""A stand-in for `best_model.pth`: the published layout with weights by chance, for the tests to load and to damage."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ocr_core.recognizers.published.network import PublishedCrnn

CHARACTERS = " !\"#&'()*+,-./0123456789:;?" + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
assert len(CHARACTERS) == 74


@cache
def network() -> PublishedCrnn:
    """A network that writes different texts for different lines: its norms know the statistics, its outputs are loud."""
    torch.manual_seed(5)
    made = PublishedCrnn().train()
    with torch.no_grad():
        for _ in range(2):
            made.cnn((torch.rand(2, 1, 128, 128) > 0.2).float() * 2 - 1)
        made.map_to_seq.weight *= 12
        made.rnn.weight_ih_l0 *= 3
        made.rnn.weight_ih_l1 *= 3
        made.fc.weight *= 12
    return made.eval()


def state() -> dict[str, Tensor]:
    """Its tensors under names that are not ours."""
    return {
        f"net.{number}.{key}": value for number, (key, value) in enumerate(network().state_dict().items())
    }


def checkpoint(path: Path, **changes: Any) -> Path:
    """Write the file; `changes` replace entries, None takes one away."""
    values: dict[str, Any] = {
        "model_state_dict": state(),
        "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 0.001}]},
        "epoch": 10,
        "val_cer": 0.1295,
        "char_to_idx": {c: i + 1 for i, c in enumerate(CHARACTERS)},
    }
    values |= changes
    torch.save({k: v for k, v in values.items() if v is not None}, path)
    return path
