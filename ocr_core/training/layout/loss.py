"""The loss of the line finder's network: the cross entropy and the Dice loss of baselines and line ends, and the distance of
the logarithms of the reach above and below the baseline."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ocr_core.training.layout.batches import PieceBatch

_BASELINE_WEIGHT: Final = 3.0
_END_WEIGHT: Final = 6.0
"""How much more a pixel on a baseline, or on a line's end, counts than one beside it."""
_END_SHARE: Final = 0.5
_REACH_SHARE: Final = 0.5
"""Of line ends and of reach in the loss, beside the baseline's."""


def layout_loss(outputs: Tensor, batch: PieceBatch) -> Tensor:
    """The loss of a batch.

    Args:
        outputs: float32 [B, 10, side/4, side/4] as the network gives them.
    """
    maps = nn.functional.pixel_shuffle(outputs[:, :8], 2)
    baseline = _map_loss(maps[:, 0], batch.baseline, batch.counts, _BASELINE_WEIGHT)
    ends = _map_loss(maps[:, 1], batch.ends, batch.counts, _END_WEIGHT)
    apart = nn.functional.smooth_l1_loss(outputs[:, 8:10], batch.reach, reduction="none", beta=0.2)
    reach = (apart * batch.near[:, None]).sum() / (2 * batch.near.sum()).clamp(min=1)
    return baseline + _END_SHARE * ends + _REACH_SHARE * reach


def _map_loss(logits: Tensor, truth: Tensor, counts: Tensor, weight: float) -> Tensor:
    entropy = nn.functional.binary_cross_entropy_with_logits(
        logits, truth, weight=counts, pos_weight=torch.tensor(weight), reduction="sum"
    )
    shares = logits.sigmoid() * counts
    dice = 1 - (2 * (shares * truth).sum() + 1) / (shares.sum() + (truth * counts).sum() + 1)
    return entropy / counts.sum().clamp(min=1) * 4 + dice
