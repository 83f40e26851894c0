"""Batches of pieces of pages for the line finder's network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ocr_core.records import GreyImage
from ocr_core.training.layout.augment import distorted_piece
from ocr_core.training.layout.config import LayoutTrainSettings
from ocr_core.training.layout.pages import LayoutPage, by_share
from ocr_core.training.layout.synthetic import SYNTHETIC
from ocr_core.training.layout.targets import PageLine, Targets, draw_targets

_AHEAD: Final = 4
"""Batches made ahead of the step that takes them."""


@dataclass(frozen=True, slots=True)
class PieceBatch:
    """`images` float32 [B, 1, side, side], ink 1; the maps of :class:`Targets` stacked, float32."""

    images: Tensor
    baseline: Tensor
    ends: Tensor
    counts: Tensor
    reach: Tensor
    near: Tensor


def batches(pages: Sequence[LayoutPage], settings: LayoutTrainSettings, step: int) -> Iterator[PieceBatch]:
    """Batches of the pages to train on, from a step on, without end, made ahead in a thread of its own."""
    share = {c.name: c.share for c in settings.corpora} | {SYNTHETIC: settings.synthetic.share}
    train, weights = by_share(pages, share)

    def make(step: int) -> PieceBatch:
        rng = np.random.default_rng((settings.run.seed, step))
        chosen = rng.choice(len(train), size=2 * settings.schedule.batch, p=weights)
        pieces = [
            distorted_piece(train[a], train[b], settings.schedule.crop, rng, settings.augment)
            for a, b in chosen.reshape(-1, 2)
        ]
        return stacked(pieces)

    with ThreadPoolExecutor(1, thread_name_prefix="pieces") as pool:
        waiting: list[Future[PieceBatch]] = [pool.submit(make, step + k) for k in range(_AHEAD)]
        try:
            while True:
                yield waiting.pop(0).result()
                step += 1
                waiting.append(pool.submit(make, step + _AHEAD - 1))
        finally:
            for future in waiting:
                future.cancel()


def stacked(pieces: list[tuple[GreyImage, list[PageLine]]]) -> PieceBatch:
    """Pieces of pages (grey, paper white) and the lines on them, as a batch."""
    images = torch.stack([1 - torch.from_numpy(p).float()[None] / 255 for p, _ in pieces])
    drawn: list[Targets] = [draw_targets(lines, *piece.shape) for piece, lines in pieces]

    def maps(name: str) -> Tensor:
        return torch.stack([torch.from_numpy(getattr(d, name)).float() for d in drawn])

    return PieceBatch(
        images.contiguous(memory_format=torch.channels_last), maps("baseline"), maps("ends"), maps("counts"),
        maps("reach"), maps("near"),
    )  # fmt: skip
