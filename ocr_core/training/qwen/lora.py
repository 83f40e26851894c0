"""Low-rank adapters: few new values beside frozen matrices, which can be added into them at the end.

After Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ocr_core.errors import ModelError, UsageError


class Adapted(nn.Module):
    """A frozen linear layer W with a learnt difference: W x + alpha / rank · up(down(x)), which begins at nothing.

    Attributes:
        down: [rank, inputs], float32 whatever the layer is.
        up: [outputs, rank], zeros at first.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        where = base.weight.device
        self.down = nn.Parameter(torch.empty(rank, base.in_features, device=where))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=where))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.scale = alpha / rank
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        plain: Tensor = self.base(x)
        difference = self.dropout(x.float()) @ self.down.T @ self.up.T
        return plain + (self.scale * difference).to(plain.dtype)

    def merged(self) -> nn.Linear:
        """The layer with the difference added to it."""
        weight = self.base.weight.float() + self.scale * (self.up @ self.down)
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(
                "The adapters hold values that are no numbers", remedy="Train with a lower rate."
            )
        self.base.weight.data = weight.to(self.base.weight.dtype)
        return self.base


def adapt(model: nn.Module, layers: str, *, rank: int, alpha: float, dropout: float = 0.0) -> int:
    """Freeze a model and give adapters to its linear layers whose whole names match a pattern. Returns how many.

    Raises:
        UsageError: the pattern is none, or matches no linear layer.
    """
    try:
        pattern = re.compile(layers)
    except re.error as error:
        raise UsageError(f"{layers!r} is no pattern: {error}", remedy="Correct `adapters.layers`.") from error
    model.requires_grad_(False)
    names = [n for n, part in model.named_modules() if isinstance(part, nn.Linear) and pattern.fullmatch(n)]
    for name in names:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        model.set_submodule(name, Adapted(layer, rank, alpha, dropout))
    if not names:
        raise UsageError(f"No layer of the model matches {layers!r}", remedy="Correct `adapters.layers`.")
    return len(names)


def merge(model: nn.Module) -> None:
    """Add all adapters into their layers and take them away.

    Raises:
        ModelError: they hold values that are no numbers.
    """
    for name, part in list(_adapted(model)):
        model.set_submodule(name, part.merged())


def adapters_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the adapters' values, on the CPU."""
    return {
        f"{name}.{what}": value.detach().to("cpu", copy=True)
        for name, part in _adapted(model)
        for what, value in (("down", part.down), ("up", part.up))
    }


def set_adapters(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Put values back, all of them and no others.

    Raises:
        KeyError, ValueError: they are those of another model.
    """
    own = dict(_adapted(model))
    if {f"{name}.{what}" for name in own for what in ("down", "up")} != set(values):
        raise KeyError("the adapters are those of other layers")
    with torch.no_grad():
        for name, part in own.items():
            for what, target in (("down", part.down), ("up", part.up)):
                if target.shape != values[f"{name}.{what}"].shape:
                    raise ValueError(f"the adapter of {name} has another shape")
                target.copy_(values[f"{name}.{what}"])


def _adapted(model: nn.Module) -> Iterator[tuple[str, Adapted]]:
    for name, part in model.named_modules():
        if isinstance(part, Adapted):
            yield name, part
