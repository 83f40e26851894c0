"""The published network of `IsmatS/handwriting-recognition-iam`, layer for layer, and a fast form of it for reading.

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (TPAMI 2017).
9,139,147 parameters with its 75 classes. Pictures are 128 pixels high, -1 black to 1 white.

With `widths`, lines of several widths share a batch and each comes out as if it were alone: columns right of a line are
set to zero after every layer, which is what a convolution sees beyond the edge, and the backward LSTMs start at the
line's own last frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ocr_core.recognizers.crnn_network import BiLstm, _mirror

HEIGHT = 128
CLASSES = 75
"""74 characters and the blank."""
NARROWEST = 8
"""Columns of the narrowest picture that gives a frame."""


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
            x = x * _held(widths, x)
        for module in self.cnn:
            x = module(x)
            if isinstance(module, nn.MaxPool2d) and module.stride == 2 and widths is not None:
                widths = widths // 2
            if isinstance(module, nn.ReLU | nn.MaxPool2d) and widths is not None:
                x = x * _held(widths, x)
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

    def __init__(self, network: PublishedCrnn) -> None:
        super().__init__()
        network = network.eval()
        self.convolutions = nn.ModuleList(_folded(network.cnn))
        self.map_to_seq = network.map_to_seq
        self.rnn = nn.ModuleList(_layers(network.rnn))
        self.fc = network.fc

    def forward(self, x: Tensor, widths: Tensor) -> Tensor:
        columns = widths.tolist()
        x = x.contiguous(memory_format=torch.channels_last)
        for number, convolution in enumerate(self.convolutions):
            x = torch.relu_(convolution(x))
            if number < 2:
                x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])  # like MaxPool2d, in half the time
                x = torch.maximum(x[..., ::2], x[..., 1::2])
                columns = [c // 2 for c in columns]
            elif number in (3, 5):
                x = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
            if number < 6:
                for row, end in enumerate(columns):
                    x[row, :, :, end:] = 0
        y = self.map_to_seq(x.permute(3, 0, 1, 2).flatten(2))
        mirror = _mirror(published_frames(widths), len(y))
        for layer in self.rnn:
            y = layer(y, mirror)
        logits: Tensor = self.fc(y)
        return logits


def _layer(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, 1, padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _held(columns: Tensor, x: Tensor) -> Tensor:
    """[B, 1, 1, W] of the type of x, 1 in the first `columns` columns of each picture."""
    places = torch.arange(x.shape[3], device=x.device)
    return (places[None] < columns[:, None])[:, None, None].to(x.dtype)


def _folded(cnn: nn.Sequential) -> Iterator[nn.Module]:
    modules = list(cnn)
    for place, module in enumerate(modules):
        if isinstance(module, nn.Conv2d):
            yield fuse_conv_bn_eval(module, cast("nn.BatchNorm2d", modules[place + 1]))


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
