"""Which lines make up each batch of each epoch, and their making.

Everything is a function of (seed, epoch, place), so that a run that resumes in the middle of an epoch goes on as if it
had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.training.crnn.augment import distorted, plain
from ocr_core.training.crnn.config import AugmentSettings, ScheduleSettings, TrainSettings
from ocr_core.training.data.cache import NOMINAL, CachedLine, LineCache

_AHEAD = 4
_WIDTH_STEP = 32
"""Widths of batches are multiples of this: oneDNN compiles its kernels for each shape anew, which takes a second."""


class LineMaker(Protocol):
    """Gives the line of a row of the cache, or one made of it and others."""

    def line(self, row: int, rng: np.random.Generator) -> CachedLine: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines ready for the network.

    Attributes:
        images: float32 [B, views, height, W], ink 1, ground 0, zero right of each line; W a multiple of 32.
        widths: int64 [B], columns of each line.
        targets: int64 [sum of lengths], classes of all transcripts one after the other.
        lengths: int64 [B].
        rows: of the line cache.
    """

    images: Tensor
    widths: Tensor
    targets: Tensor
    lengths: Tensor
    rows: tuple[int, ...]

    def part(self, number: int, parts: int) -> Batch:
        """Every `parts`-th line from line `number` on."""
        targets = torch.split(self.targets, self.lengths.tolist())[number::parts]
        picked = slice(number, None, parts)
        return Batch(
            self.images[picked],
            self.widths[picked],
            torch.cat(targets),
            self.lengths[picked],
            self.rows[picked],
        )

    @property
    def views(self) -> int:
        """Pictures of each line (see `augment.distorted`)."""
        return self.images.shape[1]

    def by_view(self) -> Batch:
        """Every view as a line of its own, those of a line one after the other."""
        n = self.views
        targets = torch.split(self.targets, self.lengths.tolist())
        return Batch(
            self.images.flatten(0, 1)[:, None],
            self.widths.repeat_interleave(n),
            torch.cat([t for t in targets for _ in range(n)]),
            self.lengths.repeat_interleave(n),
            tuple(row for row in self.rows for _ in range(n)),
        )


def plan_epoch(
    cache: LineCache, settings: TrainSettings, charset: Charset, epoch: int
) -> list[tuple[int, ...]]:
    """Rows of the cache for each batch of an epoch, lines of like width together, batches in random order.

    Each corpus gives its share of the samples; it is gone through completely before a line of it comes again.
    """
    total = sum(c.share for c in settings.corpora)
    schedule, scale = settings.schedule, settings.network.height / NOMINAL
    longest = schedule.short_columns / scale if epoch < schedule.short_epochs else float("inf")
    chosen: list[int] = []
    for number, corpus in enumerate(settings.corpora):
        rows = [r for r in cache.rows("train", corpus.name) if charset.covers(cache.table["text"][r])]
        rows = [r for r in rows if cache.width(r) <= longest] or rows
        count = round(schedule.samples_per_epoch * corpus.share / total)
        if schedule.samples_per_epoch == 0:
            count = len(rows) if corpus.share > 0 else 0
        if rows and count:
            chosen += _stretch(rows, epoch * count, count, settings.run.seed * 1009 + number)
    rng = np.random.default_rng([settings.run.seed, epoch, 7])
    widths = np.array([cache.width(r) for r in chosen], dtype=np.float64)
    widths *= scale
    order = np.argsort(widths * rng.uniform(0.9, 1.1, len(widths)), kind="stable")
    batches = list(_packed([(chosen[i], float(widths[i])) for i in order], schedule))
    return [batches[i] for i in rng.permutation(len(batches))]


def _stretch(rows: list[int], start: int, count: int, seed: int) -> list[int]:
    """`count` rows from place `start` of an endless sequence of shuffles of `rows`."""
    taken: list[int] = []
    while len(taken) < count:
        round_number, offset = divmod(start + len(taken), len(rows))
        order = np.random.default_rng([seed, round_number]).permutation(len(rows))
        taken += [rows[i] for i in order[offset : offset + count - len(taken)]]
    return taken


def _packed(lines: Sequence[tuple[int, float]], schedule: ScheduleSettings) -> Iterator[tuple[int, ...]]:
    """Runs of lines sorted by width. Sizes are powers of two, for the sake of few different shapes (see `stack`)."""
    end = len(lines)
    while end > 0:
        fitting = min(schedule.lines, max(1, int(schedule.pixels / max(lines[end - 1][1], 1.0))))
        size = 1 << (fitting.bit_length() - 1)
        yield tuple(row for row, _ in lines[max(0, end - size) : end])
        end -= size


def make_batch(
    cache: LineCache,
    rows: Sequence[int],
    charset: Charset | None,
    height: int,
    augment: AugmentSettings | None = None,
    seed: Sequence[int] = (0,),
    maker: LineMaker | None = None,
    views: int = 1,
) -> Batch:
    """Cut, join anew, distort (unless `augment` is None) and stack lines; without a charset there are no targets."""
    images: list[Sequence[NDArray[np.uint8]]] = []
    targets: list[list[int]] = []
    for place, row in enumerate(rows):
        line = maker.line(row, np.random.default_rng([*seed, place, 1])) if maker else cache[row]
        if augment is None:
            images.append([plain(line, height)] * views)
        else:
            images.append(distorted(line, height, np.random.default_rng([*seed, place]), augment, views))
        targets.append(charset.encode(line.text) if charset else [])
    stacked, widths = stack(images)
    lengths = torch.tensor([len(t) for t in targets])
    return Batch(
        stacked,
        widths,
        torch.tensor([c for t in targets for c in t], dtype=torch.int64),
        lengths,
        tuple(rows),
    )


def stack(lines: Sequence[Sequence[NDArray[np.uint8]]]) -> tuple[Tensor, Tensor]:
    """Views of lines (ground 255), all of one height, those of a line of one width, as ink on nothing.

    Returns:
        float32 [B, views, height, W], and the widths int64 [B].
    """
    widths = [views[0].shape[1] for views in lines]
    columns = -(-max(widths) // _WIDTH_STEP) * _WIDTH_STEP
    out = np.zeros((len(lines), len(lines[0]), lines[0][0].shape[0], columns), np.float32)
    for place, views in enumerate(lines):
        for number, image in enumerate(views):
            out[place, number, :, : image.shape[1]] = 1 - image.astype(np.float32) / 255
    return torch.from_numpy(out), torch.tensor(widths)


def epoch_batches(
    cache: LineCache,
    settings: TrainSettings,
    charset: Charset,
    epoch: int,
    first: int = 0,
    maker: LineMaker | None = None,
) -> Iterator[tuple[int, Batch]]:
    """(place, batch) of an epoch from place `first` on, made ahead in a thread of its own."""
    plan = plan_epoch(cache, settings, charset, epoch)
    height, augment = settings.network.height, settings.augment
    views = 2 if settings.schedule.consistency else 1

    def make(place: int) -> Batch:
        seed = (settings.run.seed, epoch, place)
        return make_batch(cache, plan[place], charset, height, augment, seed, maker, views)

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: list[Future[Batch]] = []
        for place in range(first, len(plan)):
            while len(waiting) < _AHEAD and place + len(waiting) < len(plan):
                waiting.append(pool.submit(make, place + len(waiting)))
            yield place, waiting.pop(0).result()
