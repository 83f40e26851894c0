"""How well the line finder's network finds baselines on pieces of held-out pages."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from ocr_core.training.layout.augment import plain_piece
from ocr_core.training.layout.batches import stacked
from ocr_core.training.layout.config import LayoutTrainSettings
from ocr_core.training.layout.loss import layout_loss
from ocr_core.training.layout.network import LayoutNetwork
from ocr_core.training.layout.pages import LayoutPage


@dataclass(frozen=True, slots=True)
class PixelRates:
    """Of baseline pixels on held-out pieces, each within one pixel of the other's: shares found and right."""

    recall: float
    precision: float
    loss: float
    pieces: int

    @property
    def f1(self) -> float:
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-9)


def measure_pieces(
    network: LayoutNetwork, pages: list[LayoutPage], settings: LayoutTrainSettings, most: int = 24
) -> PixelRates:
    """Rates of baseline pixels, taken at a probability of one half, on a plain piece of each page."""
    found = hit = true = recalled = 0
    losses = []
    window = np.ones((3, 3), np.uint8)
    for number, page in enumerate(pages[:: max(1, len(pages) // most)]):
        batch = stacked([plain_piece(page, settings.schedule.crop, number)])
        with torch.inference_mode():
            outputs = network(batch.images).float()
            losses.append(float(layout_loss(outputs, batch)))
        said = (nn.functional.pixel_shuffle(outputs[:, :4], 2)[0, 0] > 0).numpy().astype(np.uint8)
        truth = batch.baseline[0].numpy().astype(np.uint8)
        found, true = found + int(said.sum()), true + int(truth.sum())
        hit += int((said * cv2.dilate(truth, window)).sum())
        recalled += int((truth * cv2.dilate(said, window)).sum())
    return PixelRates(recalled / max(true, 1), hit / max(found, 1), float(np.mean(losses)), len(losses))
