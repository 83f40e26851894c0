"""The published network of `IsmatS/handwriting-recognition-iam`, layer for layer.

After Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition" (TPAMI 2017).
9,139,147 parameters with its 75 classes. Pictures are 128 pixels high, -1 black to 1 white.
"""

from __future__ import annotations

from torch import Tensor, nn

HEIGHT = 128
CLASSES = 75
"""74 characters and the blank."""


class PublishedCrnn(nn.Module):
    """[B, 1, 128, W] in [-1, 1] → logits [W / 4 - 1, B, classes], W a multiple of 4 and at least 8."""

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

    def features(self, x: Tensor) -> Tensor:
        """[B, 1, 128, W] → [B, 512, 7, W / 4 - 1]."""
        features: Tensor = self.cnn(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        frames = features.permute(3, 0, 1, 2).flatten(2)  # [W/4 - 1, B, 3584]: channels outside, rows inside
        sequence, _ = self.rnn(self.map_to_seq(frames))  # [W/4 - 1, B, 512]
        logits: Tensor = self.fc(sequence)
        return logits


def _layer(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, 1, padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
