"""The network that tells scripts apart: five small convolutions over one window of a line."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ocr_core.records import Script

SCRIPTS = (Script.LATIN, Script.ARABIC, Script.OTHER, Script.NONE)
"""The order of the script outputs."""


class ScriptNet(nn.Module):
    """Windows ``[n, 1, 40, 120]``, ink 1, ground 0 → logits of `SCRIPTS` ``[n, 4]`` and of a hand ``[n]``.

    Averages over the window tell what is common in it, maxima what occurs at all (a dot, a loop).
    `temperature` divides the script logits when probabilities are wanted (Guo et al., *On Calibration of
    Modern Neural Networks*, 2017); it is fitted on lines kept out of training and travels with the weights.
    """

    def __init__(self, channels: tuple[int, ...] = (16, 16, 32, 64, 64), dropout: float = 0.2) -> None:
        super().__init__()
        strides = (2, 2, 2, 1, 2)
        layers: list[nn.Module] = []
        before = 1
        for index, (width, stride) in enumerate(zip(channels, strides, strict=True)):
            kernel = 5 if index == 0 else 3
            layers += [
                nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.features = nn.Sequential(*layers)  # [n, 1, 40, 120] → [n, 64, 3, 8]
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(2 * before, len(SCRIPTS) + 1)
        self.register_buffer("temperature", torch.ones(()))
        self.temperature: Tensor

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.features(windows)
        pooled = torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)  # [n, 128]
        out = self.head(self.drop(pooled))
        return out[:, :-1], out[:, -1]

    def for_reading(self) -> ScriptNet:
        """A copy that answers the same, up to rounding, in less time: batch norms folded, channels last."""
        network = copy.deepcopy(self).eval()
        layers = network.features
        for place in range(0, len(layers), 3):
            conv, norm = layers[place], layers[place + 1]
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            layers[place], layers[place + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
