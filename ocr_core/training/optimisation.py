"""What the loops of all trainings have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def one_cycle(done: float, peak: float, warmup: float) -> float:
    """The learning rate of one cycle: linear up to the peak over the warm-up, then down to 1/500 of it along a cosine
    (Smith and Topin, "Super-Convergence", 2018).

    Args:
        done: share of the run that is done; beyond 1 as at 1.
        warmup: share of the run, below 1.
    """
    if done < warmup:
        return peak * (0.05 + 0.95 * done / warmup)
    rest = (min(done, 1.0) - warmup) / (1 - warmup)
    return peak * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * rest)))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """bf16 where the precision asks for it, else nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def update_average(average: Mapping[str, Tensor], state: Mapping[str, Tensor], step: int, ema: float) -> None:
    """Exponential average of weights, in place; shorter at the start of a run. Counters are copied.

    Args:
        average, state: of the same names and shapes.
        ema: what the average keeps of itself at each step, once the run is long enough for it.
    """
    decay = min(ema, (1 + step) / (10 + step))
    pairs = [(average[name], value.detach()) for name, value in state.items()]
    floats = [(a, v) for a, v in pairs if v.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [v for _, v in floats], 1 - decay)
    for a, v in pairs:
        if not v.is_floating_point():
            a.copy_(v)
