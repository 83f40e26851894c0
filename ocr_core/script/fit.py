"""The training loop of the script network: windows with variations, one cycle of the rate, calibration."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ocr_core.records import GreyImage
from ocr_core.script.corpus import ARABIC, LATIN, NONE, OTHER, UNKNOWN, Sample
from ocr_core.script.network import ScriptNet
from ocr_core.script.windows import HEIGHT, MIN_INK, WIDTH, cut_windows, to_ink
from ocr_core.training.synthetic import rule

log = logging.getLogger(__name__)

SHARES = {LATIN: 0.41, ARABIC: 0.41, OTHER: 0.05, NONE: 0.13}
"""Share of each script in a batch, whatever the number of its lines."""


def fit(
    network: ScriptNet,
    samples: Sequence[Sample],
    steps: int,
    batch: int,
    rate: float,
    minutes: float,
    rng: np.random.Generator,
) -> None:
    """AdamW with one cycle of the rate, by steps or by minutes, whichever is over first."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    script_loss = nn.CrossEntropyLoss(label_smoothing=0.02)
    pools = defaultdict(list)
    for sample in samples:
        pools[(sample.script, sample.source)].append(sample)
    names = sorted(pools)
    # Within a script, sets count by the root of their size.
    roots = {s: sum(len(pools[n]) ** 0.5 for n in names if n[0] == s) for s in SHARES}
    odds = np.array([SHARES[n[0]] * len(pools[n]) ** 0.5 / roots[n[0]] for n in names])
    odds /= odds.sum()
    network.train()
    begin, shown = time.monotonic(), 0.0
    for step in range(steps):
        spent = (time.monotonic() - begin) / (60 * minutes)
        progress = max(step / steps, spent)
        if progress >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, step / 100 + 0.01) * 0.5 * (1 + np.cos(np.pi * progress))
        chosen = [pools[names[i]] for i in rng.choice(len(names), batch, p=odds)]
        cut = [window_of(pool[rng.integers(len(pool))], rng) for pool in chosen]
        windows = torch.from_numpy(np.stack([w for w, _, _ in cut])[:, None])
        scripts = torch.tensor([s for _, s, _ in cut])
        hands = torch.tensor([float(h) for _, _, h in cut])
        logits, hand = network(windows)
        known = (hands != UNKNOWN).float()
        hand_loss = (
            nn.functional.binary_cross_entropy_with_logits(hand, hands.clamp(min=0), reduction="none") * known
        ).sum() / known.sum().clamp(min=1)
        loss = script_loss(logits, scripts) + 0.3 * hand_loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        value = float(loss.detach())
        shown = 0.98 * shown + 0.02 * value if step else value
        if step % 100 == 0:
            log.info("step %d of %d, %.0f s, loss %.3f", step, steps, time.monotonic() - begin, shown)
    network.eval()


def window_of(sample: Sample, rng: np.random.Generator) -> tuple[NDArray[np.float32], int, int]:
    """One window of a line, framed and worn differently each time: ``[HEIGHT, WIDTH]``, script, hand.

    A window without ink is labelled as nothing to read.
    """
    image = _framed(sample, rng)
    rows, columns = image.shape
    height = HEIGHT / rows
    stretch = float(np.exp(rng.normal(0, 0.12)))
    wide = round(2.2 * WIDTH / (height * stretch))
    if columns > wide:
        start = int(rng.integers(0, columns - wide + 1))
        image = image[:, start : start + wide]
    size = (max(2, round(image.shape[1] * height * stretch)), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        small = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.25:
        ground = float(np.median(small))
        small = np.clip(ground + (small.astype(np.float32) - ground) * rng.uniform(0.3, 1.1), 0, 255).astype(
            np.uint8
        )
    if rng.random() < 0.3:
        small = np.clip(small + rng.normal(0, rng.uniform(1, 9), small.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.08:
        small = rule(np.asarray(small, dtype=np.uint8), rng)
    ink = to_ink(np.asarray(small, dtype=np.uint8))
    if rng.random() < 0.2:  # heavier or lighter strokes
        kernel = np.ones((2, 2), np.uint8)
        ink = np.asarray((cv2.dilate if rng.random() < 0.6 else cv2.erode)(ink, kernel), dtype=np.float32)
    if ink.shape[1] < WIDTH:
        left = int(rng.integers(0, WIDTH - ink.shape[1] + 1))
        ink = np.pad(ink, ((0, 0), (left, WIDTH - ink.shape[1] - left)))
    start = int(rng.integers(0, ink.shape[1] - WIDTH + 1))
    window = np.ascontiguousarray(ink[:, start : start + WIDTH], dtype=np.float32)
    empty = float(window.mean()) < MIN_INK
    return window, NONE if empty else sample.script, UNKNOWN if empty else sample.hand


def _framed(sample: Sample, rng: np.random.Generator) -> GreyImage:
    """The line with more or less above and below it."""
    image = sample.pixels
    rows = image.shape[0]
    if sample.pad:
        pad = rows * sample.pad / (1 + 2 * sample.pad)
        top, bottom = (int(np.clip(rng.normal(0.75, 0.3), 0, 1.15) * pad) for _ in range(2))
        return image[top : rows - bottom]
    top, bottom = (int(np.clip(rng.normal(0.12, 0.14), -0.06, 0.5) * rows) for _ in range(2))
    image = image[max(0, -top) : rows - max(0, -bottom)]
    if top > 0 or bottom > 0:
        more = (max(0, top), max(0, bottom))
        image = np.asarray(cv2.copyMakeBorder(image, *more, 0, 0, cv2.BORDER_REPLICATE), dtype=np.uint8)
    return image


def calibrate(network: ScriptNet, samples: Sequence[Sample]) -> None:
    """Fit the temperature to the windows of held-out lines, by trying values."""
    cuts = [cut_windows(cropped(s)) for s in samples]
    windows = np.concatenate([c.windows for c in cuts])
    labels = np.concatenate([np.full(len(c.windows), s.script) for c, s in zip(cuts, samples, strict=True)])
    with torch.inference_mode():
        logits = torch.cat(
            [network(torch.from_numpy(windows[i : i + 512, None]))[0] for i in range(0, len(windows), 512)]
        )
    target = torch.from_numpy(labels).long()
    trials = torch.linspace(0.5, 4, 71)
    losses = [float(nn.functional.cross_entropy(logits / t, target)) for t in trials]
    network.temperature.fill_(float(trials[int(np.argmin(losses))]))
    log.info("temperature %.2f", float(network.temperature))


def cropped(sample: Sample) -> GreyImage:
    """The line without its pad."""
    pad = round(sample.pixels.shape[0] * sample.pad / (1 + 2 * sample.pad))
    return sample.pixels[pad : sample.pixels.shape[0] - pad]
