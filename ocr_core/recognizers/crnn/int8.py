"""Convolutions in whole numbers of 8 bits, of which a processor with VNNI multiplies twice as many as of bfloat16.

Weights are rounded by output channel. Activations, which are never negative after a ReLU, are rounded by layer, over the
range that its batch norm foretells: nothing has to be measured on pictures, so any trained network can be read this way
(Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019). Sums are exact, so a line reads the same whatever it is batched with.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ocr_core.recognizers.crnn.network import REDUCTION, Crnn, held

_SIGMAS = 6
"""How far from its mean an activation is expected: Nagel et al., section 4.2.1."""


def fast_int8() -> bool:
    """Whether this processor multiplies 8-bit numbers faster than bfloat16, and PyTorch can make it do so."""
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases cannot tell
    return hasattr(torch.ops.onednn, "qconv2d_pointwise") and any(
        able.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8")
    )


class Int8Conv(nn.Module):
    """A convolution, the batch norm after it and ReLU, perhaps with a shortcut around the first two.

    uint8 [B, in, H, W] → uint8 [B, out, H', W'], channels last: a number n stands for (n - zero) · step.

    Attributes:
        step: of what comes out, whose zero is 0.
    """

    def __init__(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d, step: float, *, zero: int = 0, shortcut: bool = False
    ) -> None:
        """Round a trained layer.

        Args:
            step, zero: of what goes in.
            shortcut: add what goes in, whose zero must be 0, before the ReLU.
        """
        super().__init__()
        foreseen = float((norm.bias + _SIGMAS * norm.weight.abs()).detach().max())
        self.step = max(foreseen + (255 * step if shortcut else 0.0), 1e-6) / 255
        folded = fuse_conv_bn_eval(conv, norm)
        weight = folded.weight.detach().float()
        steps = (weight.abs().amax((1, 2, 3)) / 127).clamp(min=1e-12)
        rounded = (weight / steps[:, None, None, None]).round().to(torch.int8)
        self._in, self._zero, self._shortcut = step, zero, shortcut
        self._steps, self._zeros = steps, torch.zeros(len(steps), dtype=torch.int32)
        self._bias = cast("Tensor", folded.bias).detach().float()
        self._stride, self._padding = list(conv.stride), list(cast("tuple[int, int]", conv.padding))
        self._weight = torch.ops.onednn.qconv_prepack(
            rounded, steps, step, zero, self._stride, self._padding, [1, 1], 1, None
        )

    def forward(self, x: Tensor) -> Tensor:
        layer = (self._in, self._zero, self._weight, self._steps, self._zeros)
        geometry = (self._bias, self._stride, self._padding, [1, 1], 1, self.step, 0, torch.uint8)
        if self._shortcut:  # the sum is written over its addend, which the convolution still reads
            y: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
                x, *layer, x.clone(), *geometry, self._in, 0, "sum", 1.0, "relu", [None], ""
            )
        else:
            y = torch.ops.onednn.qconv2d_pointwise(x, *layer, *geometry, "relu", [None], "")
        return y


class Int8Crnn(nn.Module):
    """A trained `Crnn` for reading, its convolutions in 8 bits. Takes and gives what that one does."""

    def __init__(self, network: Crnn) -> None:
        super().__init__()
        network = network.eval()
        stem = Int8Conv(
            cast("nn.Conv2d", network.stem[0]), cast("nn.BatchNorm2d", network.stem[1]), step=1 / 255
        )
        self.layers = nn.ModuleList([stem])
        step = stem.step
        for block in network.blocks():
            layer = Int8Conv(block.conv, block.norm, step, shortcut=block.shortcut)
            self.layers.append(layer)
            step = layer.step
        self.step = step
        self.network = network
        self.shape = network.shape

    def forward(self, x: Tensor, widths: Tensor) -> tuple[Tensor, None]:
        frames = (widths + REDUCTION - 1) // REDUCTION
        even = bool((frames * REDUCTION >= x.shape[3]).all())
        y = (x * 255).round_().to(torch.uint8).contiguous(memory_format=torch.channels_last)
        for number, layer in enumerate(self.layers):
            y = layer(y)
            if not even:
                y *= held(frames * 2 if number == 0 else frames, y)
        return self.network.logits(y.amax(dim=2) * self.step, frames), None
