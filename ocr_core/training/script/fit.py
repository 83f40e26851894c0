"""The training loop of the script network: windows with variations, one cycle of the rate, calibration."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ocr_core.records import GreyImage
from ocr_core.script.network import ScriptNet
from ocr_core.script.windows import HEIGHT, MIN_INK, WIDTH, cut_windows, to_ink
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.optimisation import one_cycle
from ocr_core.training.script.config import ScriptTrainSettings
from ocr_core.training.script.corpus import ARABIC, LATIN, NONE, OTHER, UNKNOWN, Sample
from ocr_core.training.synthetic.paper import rule

logger = logging.getLogger(__name__)

_WARMUP = 0.02
SHARES = {LATIN: 0.41, ARABIC: 0.41, OTHER: 0.05, NONE: 0.13}
"""Share of each script in a batch, whatever the number of its lines."""


def fit(samples: Sequence[Sample], settings: ScriptTrainSettings) -> ScriptNet:
    """AdamW with one cycle of the rate; goes on from the checkpoint of the run's folder.

    Raises:
        ModelError: the checkpoint is damaged or of another network.
    """
    schedule, run = settings.schedule, settings.run
    torch.manual_seed(run.seed)
    network = ScriptNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.peak, weight_decay=1e-2)
    first = _resume(run.folder, network, optimiser)
    pools, odds = _pools(samples)
    network.train()
    saved, shown = time.monotonic(), 0.0
    for step in range(first, schedule.steps):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(int(rng.integers(2**31)))  # of dropout: every step is a function of its number
        for group in optimiser.param_groups:
            group["lr"] = one_cycle(step / schedule.steps, schedule.peak, _WARMUP)
        chosen = [pools[i] for i in rng.choice(len(pools), schedule.batch, p=odds)]
        loss = _loss(network, [window_of(pool[rng.integers(len(pool))], rng) for pool in chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        shown = 0.98 * shown + 0.02 * float(loss.detach()) if shown else float(loss.detach())
        if (step + 1) % 100 == 0:
            logger.info("step %d of %d loss %.3f", step + 1, schedule.steps, shown)
        if time.monotonic() - saved > run.checkpoint_minutes * 60 or step + 1 == schedule.steps:
            _save(run.folder, network, optimiser, step + 1)
            saved = time.monotonic()
    return network.eval()


def _pools(samples: Sequence[Sample]) -> tuple[list[list[Sample]], NDArray[np.float64]]:
    """Lines by script and source, and how often each pool is drawn from: within a script by the root of its size."""
    by_name: dict[tuple[int, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        by_name[(sample.script, sample.source)].append(sample)
    names = sorted(by_name)
    roots = {s: sum(len(by_name[n]) ** 0.5 for n in names if n[0] == s) for s in SHARES}
    odds = np.array([SHARES[n[0]] * len(by_name[n]) ** 0.5 / roots[n[0]] for n in names])
    return [by_name[n] for n in names], odds / odds.sum()


def _loss(network: ScriptNet, cut: Sequence[tuple[NDArray[np.float32], int, int]]) -> torch.Tensor:
    """Of the scripts of windows, and of their hands where those are known."""
    windows = torch.from_numpy(np.stack([w for w, _, _ in cut])[:, None])
    scripts = torch.tensor([s for _, s, _ in cut])
    hands = torch.tensor([float(h) for _, _, h in cut])
    logits, hand = network(windows)
    known = (hands != UNKNOWN).float()
    each = nn.functional.binary_cross_entropy_with_logits(hand, hands.clamp(min=0), reduction="none")
    script_loss = nn.functional.cross_entropy(logits, scripts, label_smoothing=0.02)
    return script_loss + 0.3 * (each * known).sum() / known.sum().clamp(min=1)


def _save(folder: Path, network: ScriptNet, optimiser: torch.optim.Optimizer, step: int) -> None:
    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    save_checkpoint(folder, state)


def _resume(folder: Path, network: ScriptNet, optimiser: torch.optim.Optimizer) -> int:
    """Take up the checkpoint of a run, if there is one. Returns the steps that are done."""
    if not (folder / CHECKPOINT).exists():
        return 0
    state = load_checkpoint(folder, ("network", "optimiser", "step"))
    try:
        network.load_state_dict(state["network"])
    except RuntimeError as error:
        raise other_run(folder, "another network") from error
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


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
    logger.info("temperature %.2f", float(network.temperature))


def cropped(sample: Sample) -> GreyImage:
    """The line without its pad."""
    pad = round(sample.pixels.shape[0] * sample.pad / (1 + 2 * sample.pad))
    return sample.pixels[pad : sample.pixels.shape[0] - pad]
