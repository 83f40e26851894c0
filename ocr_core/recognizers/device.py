"""Which processor a network runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocr_core.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    import torch


def torch_device(name: str) -> torch.device:
    """The device of a name: `cpu`, `cuda`, `cuda:N`, or `auto` for a GPU where there is one.

    Raises:
        UsageError: there is no such name.
        MissingDependency: this machine has no such GPU, or PyTorch cannot use it.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", name):
        raise UsageError(f"No device {name!r}", remedy="Give auto, cpu, cuda or cuda:N.")
    _, _, number = name.partition(":")
    if name != "cpu" and int(number or 0) >= torch.cuda.device_count():
        raise MissingDependency(
            f"{name}: PyTorch finds {torch.cuda.device_count()} usable GPUs here",
            remedy="Give auto or cpu, or install a PyTorch that fits the driver: `warraq doctor` tells more.",
        )
    return torch.device(name)


def has_bf16(device: torch.device) -> bool:
    """Whether a processor multiplies bfloat16 in hardware; on others it is slower than float32."""
    import torch

    if device.type != "cpu":
        return True
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
