"""The network of the line finder: a small residual U-Net over a page at working resolution.

What it predicts follows ParseNet of Kodym and Hradiš, "Page Layout Analysis System for Unconstrained Historic Documents"
(ICDAR 2021): baselines, the ends of lines (which keep neighbouring columns apart), and how far a line reaches above and
below its baseline. Only convolutions, sums and nearest-neighbour enlargement, so that other runtimes run it too.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

OUTPUTS = 10
"""Channels at 1/4: the four pixels of 1/2 of baseline (0–3) and of line ends (4–7), row by row, as logits; then the natural
logarithms of the reach above (8) and below (9) the baseline in units of `UNIT`."""
REDUCTION = 32
"""Sides of a page must be multiples of this."""
UNIT = 16.0
"""Pixels of the working resolution."""

Channels = tuple[int, int, int, int, int]


class PageLayer(nn.Module):
    """Convolution 3 x 3, batch norm, ReLU; with a shortcut where the shape stays."""

    def __init__(self, before: int, after: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.shortcut = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y + x if self.shortcut else y)


class LayoutNetwork(nn.Module):
    """float32 [B, 1, H, W], ink 1 on ground 0, H and W multiples of `REDUCTION` → [B, `OUTPUTS`, H/4, W/4]."""

    def __init__(self, channels: Channels = (16, 32, 48, 64, 96)) -> None:
        super().__init__()
        self.channels = channels
        half, quarter, eighth, c16, c32 = channels
        self.stem = nn.Sequential(
            PageLayer(1, half, stride=2), PageLayer(half, quarter, stride=2), PageLayer(quarter, quarter)
        )
        self.down8 = nn.Sequential(
            PageLayer(quarter, eighth, stride=2), PageLayer(eighth, eighth), PageLayer(eighth, eighth)
        )
        self.down16 = nn.Sequential(
            PageLayer(eighth, c16, stride=2),
            PageLayer(c16, c16),
            PageLayer(c16, c16, dilation=2),
            PageLayer(c16, c16),
        )
        self.down32 = nn.Sequential(
            PageLayer(c16, c32, stride=2),
            PageLayer(c32, c32),
            PageLayer(c32, c32, dilation=2),
            PageLayer(c32, c32, dilation=4),
            PageLayer(c32, c32),
        )
        self.narrow16, self.up16 = nn.Conv2d(c32, c16, 1), PageLayer(c16, c16)
        self.narrow8, self.up8 = nn.Conv2d(c16, eighth, 1), PageLayer(eighth, eighth)
        self.narrow4 = nn.Conv2d(eighth, quarter, 1)
        self.up4 = nn.Sequential(PageLayer(quarter, quarter), PageLayer(quarter, quarter))
        self.head = nn.Conv2d(quarter, OUTPUTS, 1)
        nn.init.constant_(cast("Tensor", self.head.bias), -2.0)  # most pixels are no baseline

    def forward(self, x: Tensor) -> Tensor:
        x4 = self.stem(x)
        x8 = self.down8(x4)
        x16 = self.down16(x8)
        x32 = self.down32(x16)
        y = self.up16(x16 + _enlarged(self.narrow16(x32)))
        y = self.up8(x8 + _enlarged(self.narrow8(y)))
        y = self.up4(x4 + _enlarged(self.narrow4(y)))
        return cast("Tensor", self.head(y))


def _enlarged(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
