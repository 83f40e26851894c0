"""What the line finder's network says of a page, run by OpenCV: no PyTorch in the processes that prepare pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.models import verified_bytes
from ocr_core.models.opencv import load_network
from ocr_core.records import GreyImage

Floats = NDArray[np.float32]
_MULTIPLE = 32
"""Sides of the network's input."""
_UNIT = 16.0
"""Working pixels in which the network counts a line's reach."""


@dataclass(frozen=True, slots=True)
class LineMaps:
    """Maps of a page of [H, W] working pixels.

    Attributes:
        baseline: float32 [H/2, W/2], probability that a baseline passes.
        ends: float32 [H/2, W/2], probability that a line ends.
        above, below: float32 [H/4, W/4], how far the line whose baseline passes reaches above and below it, working pixels.
    """

    baseline: Floats
    ends: Floats
    above: Floats
    below: Floats


class MapNetwork:
    """A packaged network of kind `layout`.

    Raises:
        ModelError: there is no such model, or its file is damaged or cannot be run by this OpenCV.
    """

    def __init__(self, name: str = "layout") -> None:
        card, data = verified_bytes(name)
        self.card = card
        self._network = load_network(data, name)

    def __call__(self, grey: GreyImage) -> LineMaps:
        return line_maps(self._network, grey)


@lru_cache(maxsize=1)
def packaged_network(name: str = "layout") -> MapNetwork:
    """The packaged network, loaded and checked once a process.

    Raises:
        ModelError: as :class:`MapNetwork`.
    """
    return MapNetwork(name)


def line_maps(network: cv2.dnn.Net, grey: GreyImage) -> LineMaps:
    """The maps of an evened page, grey uint8 [H, W], dark on light."""
    height, width = grey.shape
    tall, wide = (-(-side // _MULTIPLE) * _MULTIPLE for side in (height, width))
    page = np.zeros((1, 1, tall, wide), np.float32)
    page[0, 0, :height, :width] = (255 - grey).astype(np.float32) * np.float32(1 / 255)
    network.setInput(page)
    out = np.asarray(network.forward(), np.float32)[0]
    quarter, half = (-(-height // 4), -(-width // 4)), (-(-height // 2), -(-width // 2))
    probabilities = 1 / (1 + np.exp(-np.clip(out[:8], -30, 30)))
    baseline, ends = (_woven(probabilities[k : k + 4])[: half[0], : half[1]] for k in (0, 4))
    above, below = (np.exp(np.clip(out[k, : quarter[0], : quarter[1]], -3, 3)) * _UNIT for k in (8, 9))
    return LineMaps(baseline, ends, above, below)


def _woven(four: Floats) -> Floats:
    """The four pixels of each place, [4, h, w], row by row, as a map [2h, 2w]."""
    _, height, width = four.shape
    return four.reshape(2, 2, height, width).transpose(2, 0, 3, 1).reshape(2 * height, 2 * width)
