"""What a network reads on held-out lines, and how far it is from their transcripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ocr_core.recognizers.crnn.network import Crnn
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import greedy
from ocr_core.training.crnn.batches import make_batch
from ocr_core.training.crnn.networks import LineNetwork, frames_of, height_of
from ocr_core.training.data.cache import LineCache
from ocr_core.training.optimisation import autocast

_LINES = {True: 32, False: 4}
"""Lines read at a time: the published network needs 150 MB for each."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read on a line. `loss` is the CTC loss of its transcript, NaN where the table lacks a character of it."""

    text: str
    confidence: float
    loss: float


def scores_of(
    network: LineNetwork, cache: LineCache, rows: Sequence[int], precision: str
) -> Iterator[tuple[int, torch.Tensor]]:
    """(row, log probabilities float32 [T, classes]) of lines of the cache, undistorted, from the narrowest to the widest."""
    network.eval()
    device = next(network.parameters()).device
    order = sorted(rows, key=cache.width)
    lines = _LINES[isinstance(network, Crnn)]
    for at in range(0, len(order), lines):
        batch = make_batch(cache, order[at : at + lines], None, height_of(network))
        with torch.inference_mode(), autocast(device, precision):
            logits, _ = network(batch.images.to(device), batch.widths.to(device))
        scores = logits.float().log_softmax(2).cpu()
        frames = frames_of(network, batch.widths).tolist()
        for place, row in enumerate(batch.rows):
            yield row, scores[: frames[place], place]


def read_lines(
    network: LineNetwork, cache: LineCache, rows: Sequence[int], charset: Charset, precision: str
) -> list[Reading]:
    """Readings of lines of the cache, undistorted, in the order of `rows`."""
    read: dict[int, Reading] = {}
    for row, own in scores_of(network, cache, rows, precision):
        decoded = greedy(own.numpy())
        loss = _loss(own, cache.table["text"][row], charset)
        read[row] = Reading(charset.decode(decoded.classes), decoded.confidence, loss)
    return [read[r] for r in rows]


def read_rows(
    network: LineNetwork, cache: LineCache, rows: Sequence[int], charset: Charset, precision: str
) -> list[tuple[str, float]]:
    """Texts and raw confidences that a network reads on lines of the cache, undistorted, in the order of `rows`."""
    return [(r.text, r.confidence) for r in read_lines(network, cache, rows, charset, precision)]


def mean_loss(readings: Sequence[Reading], texts: Sequence[str]) -> float:
    """CTC loss for each character over the lines that have a finite one; NaN where none has."""
    finite = [(r.loss, len(t)) for r, t in zip(readings, texts, strict=True) if math.isfinite(r.loss)]
    return sum(x for x, _ in finite) / max(sum(n for _, n in finite), 1) if finite else math.nan


def _loss(scores: torch.Tensor, text: str, charset: Charset) -> float:
    if not charset.covers(text):
        return math.nan
    targets = torch.tensor([charset.encode(text)])
    loss = nn.functional.ctc_loss(
        scores[:, None], targets, torch.tensor([len(scores)]), torch.tensor([len(text)]), reduction="sum"
    )
    return float(loss)
