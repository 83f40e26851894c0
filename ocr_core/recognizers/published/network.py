"""The published network of `IsmatS/handwriting-recognition-iam`, layer for layer, and a fast form of it for reading.

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (TPAMI 2017).
9,139,147 parameters with its 75 classes. Pictures are 128 pixels high, -1 black to 1 white.

With `widths`, lines of several widths share a batch and each comes out as if it were alone: columns right of a line are
set to zero after every layer, which is what a convolution sees beyond the edge, and the backward LSTMs start at the
line's own last frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ocr_core.recognizers.crnn.int8 import Int8Conv
from ocr_core.recognizers.crnn.network import BiLstm, held, mirror_of

HEIGHT = 128
CLASSES = 75
"""74 characters and the blank."""
NARROWEST = 8
"""Columns of the narrowest picture that gives a frame."""
_NOUGHT = 128
"""What stands for 0 in a picture of 8 bits."""


def published_frames(widths: Tensor) -> Tensor:
    """Frames of lines of so many columns: W / 4 - 1, rounded down."""
    return widths // 4 - 1


class PublishedCrnn(nn.Module):
    """[B, 1, 128, W] in [-1, 1] → logits [W / 4 - 1, B, classes], W at least 8."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            *_layer(1, 64),
            nn.MaxPool2d(2, 2),  # [64, 64, W/2]
            *_layer(64, 128),
            nn.MaxPool2d(2, 2),  # [128, 32, W/4]
            *_layer(128, 256),
            *_layer(256, 256),
            nn.MaxPool2d((2, 1), (2, 1)),  # [256, 16, W/4]
            *_layer(256, 512),
            *_layer(512, 512),
            nn.MaxPool2d((2, 1), (2, 1)),  # [512, 8, W/4]
            *_layer(512, 512, kernel=2, padding=0),  # [512, 7, W/4 - 1]
        )
        self.map_to_seq = nn.Linear(512 * 7, 256)
        self.rnn = nn.LSTM(256, 256, num_layers=2, bidirectional=True, dropout=0.3)
        self.fc = nn.Linear(512, classes)

    def features(self, x: Tensor, widths: Tensor | None = None) -> Tensor:
        """[B, 1, 128, W] → [B, 512, 7, W / 4 - 1]; `widths` int [B] are the columns of each line, None for all."""
        if widths is not None:
            widths = widths.to(x.device)
            x = x * held(widths, x)
        for module in self.cnn:
            x = module(x)
            if isinstance(module, nn.MaxPool2d) and module.stride == 2 and widths is not None:
                widths = widths // 2
            if isinstance(module, nn.ReLU | nn.MaxPool2d) and widths is not None:
                x = x * held(widths, x)
        return x

    def forward(self, x: Tensor, widths: Tensor | None = None) -> Tensor:
        features = self.features(x, widths)
        frames = features.permute(3, 0, 1, 2).flatten(2)  # [W/4 - 1, B, 3584]: channels outside, rows inside
        sequence = self.map_to_seq(frames)
        if widths is None:
            sequence, _ = self.rnn(sequence)  # [W/4 - 1, B, 512]
        else:
            packed = pack_padded_sequence(sequence, published_frames(widths).cpu(), enforce_sorted=False)
            packed, _ = self.rnn(packed)
            sequence, _ = pad_packed_sequence(packed, total_length=len(frames))
        logits: Tensor = self.fc(sequence)
        return logits


class PublishedReader(nn.Module):
    """The same network for reading: norms folded into the convolutions, the two directions of each LSTM on their own.

    [B, 1, 128, W] in [-1, 1] and widths int [B] → logits [W / 4 - 1, B, classes], W a multiple of 4.
    """

    def __init__(self, network: PublishedCrnn, *, int8: bool = False) -> None:
        """Take a trained network.

        Args:
            int8: its convolutions in 8 bits (see `int8`).
        """
        super().__init__()
        network = network.eval()
        self.layers = nn.ModuleList((_rounded if int8 else _folded)(network.cnn))
        self.map_to_seq = network.map_to_seq
        self.rnn = nn.ModuleList(_layers(network.rnn))
        self.fc = network.fc

    def forward(self, x: Tensor, widths: Tensor) -> Tensor:
        columns = widths.tolist()
        last = self.layers[-1]
        if isinstance(last, Int8Conv):
            x = (x * 127.5 + _NOUGHT).round_().clamp_(0, 255).to(torch.uint8)
        x = x.contiguous(memory_format=torch.channels_last)
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number < 2:
                x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])  # like MaxPool2d, in half the time
                x = torch.maximum(x[..., ::2], x[..., 1::2])
                columns = [c // 2 for c in columns]
            elif number in (3, 5):
                x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
            if number < 6:
                for row, end in enumerate(columns):
                    x[row, :, :, end:] = 0
        x = x.permute(3, 0, 1, 2).flatten(2)
        if isinstance(last, Int8Conv):
            x = x.to(self.fc.weight.dtype) * last.step
        y = self.map_to_seq(x)
        mirror = mirror_of(published_frames(widths), len(y))
        for layer in self.rnn:
            y = layer(y, mirror)
        logits: Tensor = self.fc(y)
        return logits


def _layer(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, 1, padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _folded(cnn: nn.Sequential) -> Iterator[nn.Module]:
    for conv, norm in _normed(cnn):
        yield nn.Sequential(fuse_conv_bn_eval(conv, norm), nn.ReLU(inplace=True))


def _rounded(cnn: nn.Sequential) -> Iterator[nn.Module]:
    step, zero = 1 / 127.5, _NOUGHT
    for conv, norm in _normed(cnn):
        layer = Int8Conv(conv, norm, step, zero=zero)
        yield layer
        step, zero = layer.step, 0


def _normed(cnn: nn.Sequential) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions, each with the norm after it."""
    for module, following in itertools.pairwise(cnn):
        if isinstance(module, nn.Conv2d):
            yield module, cast("nn.BatchNorm2d", following)


def _layers(rnn: nn.LSTM) -> Iterator[BiLstm]:
    """The layers of a bidirectional LSTM, each direction as an LSTM of its own."""
    weights = rnn.state_dict()
    for number in range(rnn.num_layers):
        layer = BiLstm(rnn.input_size if number == 0 else 2 * rnn.hidden_size, rnn.hidden_size)
        for direction, ending in ((layer.ahead, ""), (layer.back, "_reverse")):
            direction.load_state_dict(
                {
                    f"{kind}_l0": weights[f"{kind}_l{number}{ending}"]
                    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                }
            )
        yield layer
