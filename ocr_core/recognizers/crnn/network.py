"""The compact CRNN: convolutions down to one feature row, bidirectional LSTMs, CTC.

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (TPAMI 2017), with the
column max pooling and the auxiliary CTC head of Retsinas et al., "Best Practices for a Handwritten Text Recognition
System" (DAS 2022).

A line's output does not depend on what it is batched with: columns right of a line are set to zero after every block,
which is what the convolution would see beyond the edge, and the backward LSTM starts at the line's own last frame.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

# Lines come in many widths and oneDNN compiles kernels for each: its default of 1024 is outgrown within an epoch.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

REDUCTION = 4
"""Columns of the input for each output frame."""


@dataclass(frozen=True, slots=True)
class CrnnShape:
    """Everything that fixes the parameters of the network.

    Attributes:
        classes: outputs, the blank included.
        height: of the input in pixels, a multiple of 16.
        channels: of the four stages.
        hidden: LSTM cells in each direction.
        layers: bidirectional LSTM layers.
    """

    classes: int
    height: int = 48
    channels: tuple[int, int, int, int] = (32, 64, 128, 192)
    hidden: int = 192
    layers: int = 2
    dropout: float = 0.25


class Block(nn.Module):
    """3×3 convolution, batch norm, ReLU; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = inputs == outputs and stride == (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        if self.shortcut:
            y = y + x
        return torch.relu_(y)


class SequenceDropout(nn.Module):
    """Dropout of whole channels of a sequence [T, B, C], one draw for all its frames (Gal and Ghahramani 2016)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        draw = torch.rand(1, x.shape[1], x.shape[2], device=x.device, generator=self.generator)
        return x * (draw < keep).to(x.dtype).div_(keep)


class BiLstm(nn.Module):
    """A bidirectional LSTM layer that treats each sequence by its own length. [T, B, in] → [T, B, 2·hidden]."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden)
        self.back = nn.LSTM(inputs, hidden)

    def forward(self, x: Tensor, mirror: Tensor) -> Tensor:
        """`mirror` [T, B] is the frame that stands at each place when every sequence is reversed in itself."""
        ahead, _ = self.ahead(x)
        back, _ = self.back(_gather(x, mirror))
        return torch.cat([ahead, _gather(back, mirror)], dim=2)


class Crnn(nn.Module):
    """[B, 1, height, W] → logits [W / 4, B, classes], W a multiple of 4."""

    def __init__(self, shape: CrnnShape) -> None:
        super().__init__()
        self.shape = shape
        a, b, c, d = shape.channels
        self.stem = nn.Sequential(
            nn.Conv2d(1, a, 5, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True)
        )
        self.stages = nn.ModuleList(
            [
                nn.ModuleList([Block(a, b, (2, 2)), Block(b, b)]),
                nn.ModuleList([Block(b, c, (2, 1)), Block(c, c), Block(c, c)]),
                nn.ModuleList([Block(c, d, (2, 1)), Block(d, d)]),
            ]
        )
        self.drop = SequenceDropout(shape.dropout)
        self.rnn = nn.ModuleList(
            [BiLstm(d if i == 0 else 2 * shape.hidden, shape.hidden) for i in range(shape.layers)]
        )
        self.head = nn.Linear(2 * shape.hidden, shape.classes)
        self.auxiliary = nn.Conv1d(d, shape.classes, 3, 1, 1)

    def forward(self, x: Tensor, widths: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the network, and in training those of the auxiliary head.

        Args:
            x: float [B, 1, height, W], ink 1, ground 0, zeros right of each line.
            widths: int [B], columns of each line; a line has ceil(width / 4) frames.

        Returns:
            [W / 4, B, classes] and, in training, the same from the convolutions alone, else None.
        """
        frames = (widths + REDUCTION - 1) // REDUCTION
        features = self._features(x, frames)  # [B, d, T]
        auxiliary = self.auxiliary(features).permute(2, 0, 1) if self.training else None
        return self.logits(features, frames), auxiliary

    def logits(self, features: Tensor, frames: Tensor) -> Tensor:
        """[B, d, T] and the frames of each line, int [B] → [T, B, classes]."""
        y = self.drop(features.permute(2, 0, 1).contiguous())  # [T, B, d]
        mirror = mirror_of(frames, y.shape[0])
        for layer in self.rnn:
            y = self.drop(layer(y, mirror))
        logits: Tensor = self.head(y)
        return logits

    def blocks(self) -> Iterator[Block]:
        """The convolution blocks after the stem, in order."""
        for stage in self.stages:
            yield from cast("Iterable[Block]", stage)

    def _features(self, x: Tensor, frames: Tensor) -> Tensor:
        even = bool((frames * REDUCTION >= x.shape[3]).all())
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        if not even:
            x = x * held(frames * 2, x)
        for block in self.blocks():
            x = block(x)
            if not even:
                x = x * held(frames, x)
        return x.amax(dim=2)


def held(columns: Tensor, x: Tensor) -> Tensor:
    """[B, 1, 1, W] of the type of x, 1 in the first `columns` columns of each picture."""
    places = torch.arange(x.shape[3], device=x.device)
    return (places[None] < columns[:, None])[:, None, None].to(x.dtype)


def mirror_of(frames: Tensor, total: int) -> Tensor:
    """[T, B]: place t holds frames - 1 - t inside each sequence, and t beyond its end."""
    places = torch.arange(total, device=frames.device)[:, None]
    return torch.where(places < frames[None], frames[None] - 1 - places, places)


def _gather(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(0, places[:, :, None].expand_as(x))


def fold_norms(network: Crnn) -> Crnn:
    """Fold every batch norm into the convolution before it, in place. For inference only."""
    conv, norm = cast("nn.Conv2d", network.stem[0]), cast("nn.BatchNorm2d", network.stem[1])
    network.stem[0], network.stem[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    for block in network.blocks():
        block.conv, block.norm = fuse_conv_bn_eval(block.conv, block.norm), nn.Identity()  # type: ignore[assignment]
    return network


def channels_last(network: Crnn, device: torch.device | str = "cpu") -> Crnn:
    """Move a network to a device, its convolutions in the layout that is fastest on processors of today."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
