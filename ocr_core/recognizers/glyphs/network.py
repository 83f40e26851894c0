"""The networks for isolated letters and digits, and their 38 classes.

Pictures are float [B, 1, side, side], ground 0 and ink 1.

`PublishedGlyphs` is the network of the public "Arabic handwriting character recognition" (accuracy 97.14 % on the test
half of AHCD as its authors measured it), layer for layer; `CompactGlyphs` is our own, a small residual network after He et
al., "Deep Residual Learning for Image Recognition" (CVPR 2016).
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

DIGITS = "٠١٢٣٤٥٦٧٨٩"
LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
CLASSES = DIGITS + LETTERS
"""Class 0–9 are the Arabic-Indic digits, 10–37 the letters from alef to yeh."""

GlyphKind = Literal["compact", "published"]


class PublishedGlyphs(nn.Module):
    """[B, 1, 64, 64] → logits [B, 38]."""

    side = 64

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for outputs in (16, 32, 64, 128):
            # Keras' batch norm: momentum 0.99 there is 0.01 here.
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            layers += [nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01), nn.MaxPool2d(2), nn.Dropout(0.2)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)  # [B, 128, 4, 4]
        self.head = nn.Linear(inputs, len(CLASSES))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.uniform_(module.weight, -0.05, 0.05)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(x).mean((2, 3)))
        return logits

    def folded(self) -> PublishedGlyphs:
        """The network for reading; its batch norms follow the activations and cannot be folded."""
        return self.eval()


class CompactGlyphs(nn.Module):
    """[B, 1, 32, 32] → logits [B, 38]."""

    side = 32

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = _layer(1, 24)
        self.stages = nn.ModuleList(
            (
                nn.Sequential(nn.MaxPool2d(2), _layer(24, 48), Residual(48)),  # [B, 48, 16, 16]
                nn.Sequential(nn.MaxPool2d(2), _layer(48, 96), Residual(96)),  # [B, 96, 8, 8]
                nn.Sequential(nn.MaxPool2d(2), _layer(96, 160), Residual(160)),  # [B, 160, 4, 4]
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(160, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return logits

    def folded(self) -> CompactGlyphs:
        """The same network with every batch norm folded into the convolution before it, in place. For reading only."""
        for module in [m for m in self.eval().modules() if isinstance(m, nn.Sequential)]:
            for place, (conv, norm) in enumerate(itertools.pairwise(list(module))):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[place], module[place + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        return self


class Residual(nn.Module):
    """[B, C, H, W] → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _layer(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.second(self.first(x)) + x)


GlyphNetwork = PublishedGlyphs | CompactGlyphs


def new_network(kind: GlyphKind) -> GlyphNetwork:
    """A network of this kind with weights by chance."""
    return PublishedGlyphs() if kind == "published" else CompactGlyphs()


def kind_of(network: GlyphNetwork) -> GlyphKind:
    return "published" if isinstance(network, PublishedGlyphs) else "compact"


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
