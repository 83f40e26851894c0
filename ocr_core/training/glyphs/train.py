"""Training of a network for isolated characters. A run that was interrupted goes on after its last finished epoch."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ocr_core.recognizers.glyphs.file import write_glyphs
from ocr_core.recognizers.glyphs.network import GlyphKind, GlyphNetwork, new_network
from ocr_core.recognizers.glyphs.picture import as_input
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.glyphs.card import measured, write_glyph_card
from ocr_core.training.glyphs.config import GlyphScheduleSettings, GlyphSettings
from ocr_core.training.glyphs.data import Distorter, GlyphSet, plain_batches, read_set
from ocr_core.training.glyphs.report import confusion_html
from ocr_core.training.optimisation import autocast, update_average

logger = logging.getLogger(__name__)

_BATCH = 256


@dataclass(slots=True)
class _Run:
    settings: GlyphSettings
    sets: list[GlyphSet]
    network: GlyphNetwork
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0


def train_glyphs(settings: GlyphSettings) -> Path:
    """Train, or go on with, the run that lives in `settings.run.folder`. Returns the path of the model card.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (one line an epoch), `held-out.npz` (what was
    read on held-out pictures), the confusion report `NAME.html`, `NAME.safetensors` and its card `NAME.json`.

    Raises:
        UsageError: a set cannot be read.
        ModelError: the checkpoint of the folder belongs to another network.
    """
    torch.set_num_threads(settings.run.threads)
    run = _start(settings)
    schedule = settings.schedule
    while run.epoch < schedule.epochs + schedule.refit_epochs:
        refit = run.epoch >= schedule.epochs
        started = time.monotonic()
        loss = _epoch(run, refit=refit)
        run.epoch += 1
        _note(run, loss, time.monotonic() - started, refit=refit)
        if run.epoch == schedule.epochs:
            _measure(run)
        _save(run)
    weights = settings.run.folder / f"{settings.name}.safetensors"
    write_glyphs(weights, averaged(run))
    return write_glyph_card(settings, run.sets, weights, sum(p.numel() for p in run.network.parameters()))


def _measure(run: _Run) -> None:
    """Keep what the network reads on held-out pictures, and report what it confuses."""
    settings = run.settings
    network = averaged(run)
    inks = [s.ink[s.held] for s in run.sets]
    held = measured(settings, run.sets, [read_all(network, ink, settings.network) for ink in inks])
    held.save(settings.run.folder)
    report = confusion_html(
        f"{settings.name}-{settings.version}: pictures held out",
        held.rates(),
        [i for ink in inks for i in ink],
    )
    (settings.run.folder / f"{settings.name}.html").write_text(report, "utf-8")


def averaged(run: _Run) -> GlyphNetwork:
    """The averaged network, ready to read."""
    network = new_network(run.settings.network)
    network.load_state_dict(run.average)
    return _placed(network.eval(), run.settings.run.device)


def read_all(
    network: GlyphNetwork, ink: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], kind: GlyphKind
) -> NDArray[np.float32]:
    """Probabilities float32 [N, 38] of pictures, ink 255 on ground 0."""
    device = next(network.parameters()).device
    out = np.zeros((len(ink), network.head.out_features), np.float32)
    with torch.inference_mode():
        for part, x in plain_batches(ink, kind, _BATCH):
            logits = network(torch.from_numpy(x).to(device))
            out[part] = logits.float().softmax(1).cpu().numpy()
    return out


def rate_at(step: int, epoch_steps: int, schedule: GlyphScheduleSettings) -> float:
    """Learning rate of a step, counted from 0 over all epochs, refitting included."""
    done = step / (epoch_steps * schedule.epochs)
    if done >= 1:
        left = 1 - (step - epoch_steps * schedule.epochs) / (epoch_steps * max(schedule.refit_epochs, 1))
        return 0.1 * schedule.peak * max(left, 0.0)
    if schedule.kind == "constant":
        return schedule.peak
    if done < schedule.warmup:
        return schedule.peak * (0.1 + 0.9 * done / schedule.warmup)
    turn = (done - schedule.warmup) / (1 - schedule.warmup)
    return schedule.peak * (0.01 + 0.99 * (1 + math.cos(math.pi * turn)) / 2)


def _start(settings: GlyphSettings) -> _Run:
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    sets = [read_set(s, settings.data) for s in settings.sets]
    torch.manual_seed(settings.run.seed)
    network = _placed(new_network(settings.network), settings.run.device)
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    run = _Run(settings, sets, network, average, _optimiser(network, settings.schedule))
    if (settings.run.folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%d pictures to train on, %d held out, %d parameters; from epoch %d",
        sum(int((~s.held).sum()) for s in sets), sum(int(s.held.sum()) for s in sets),
        sum(p.numel() for p in network.parameters()), run.epoch,
    )  # fmt: skip
    return run


def _placed(network: GlyphNetwork, device: str) -> GlyphNetwork:
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _optimiser(network: nn.Module, schedule: GlyphScheduleSettings) -> torch.optim.Optimizer:
    if schedule.kind == "constant":
        return torch.optim.Adam(network.parameters(), lr=schedule.peak)
    groups: list[dict[str, object]] = [  # matrices decay, biases and norms do not
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=schedule.peak)


def _epoch(run: _Run, *, refit: bool) -> float:
    """One epoch. Returns its mean loss."""
    settings, schedule = run.settings, run.settings.schedule
    rng = np.random.default_rng([settings.run.seed, run.epoch])
    torch.manual_seed(settings.run.seed * 10_007 + run.epoch)  # what dropout drops
    order = _order(run, rng, refit=refit)
    distort = Distorter(settings.network, settings.augment)
    run.network.train()
    steps = max(1, len(order) // schedule.batch)
    total = 0.0
    for number in range(steps):
        places = order[number * schedule.batch : (number + 1) * schedule.batch]
        x = as_input([distort(run.sets[s].ink[i], rng) for s, i in places])
        y = np.array([run.sets[s].classes[i] for s, i in places])
        total += _step(run, x, y, rate_at(run.epoch * steps + number, steps, schedule))
    return total / steps


def _order(run: _Run, rng: np.random.Generator, *, refit: bool) -> list[tuple[int, int]]:
    """Set and place of the pictures of an epoch, shuffled."""
    places: list[tuple[int, int]] = []
    for number, (one, settings) in enumerate(zip(run.sets, run.settings.sets, strict=True)):
        there = np.arange(len(one.ink)) if refit else np.flatnonzero(~one.held)
        chosen = rng.permutation(there)[: max(1, round(len(there) * settings.share))]
        places += [(number, int(i)) for i in chosen]
    return [places[i] for i in rng.permutation(len(places))]


def _step(run: _Run, x: NDArray[np.float32], y: NDArray[np.int64], rate: float) -> float:
    settings = run.settings
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    device = torch.device(settings.run.device)
    pictures = torch.from_numpy(x).to(device).contiguous(memory_format=torch.channels_last)
    with autocast(device, settings.run.precision):
        logits = run.network(pictures)
    loss = nn.functional.cross_entropy(
        logits.float(), torch.from_numpy(y).to(device), label_smoothing=settings.schedule.smoothing
    )
    run.optimiser.zero_grad()
    loss.backward()
    run.optimiser.step()
    run.step += 1
    update_average(run.average, run.network.state_dict(), run.step, settings.schedule.ema)
    return loss.item()


def _note(run: _Run, loss: float, seconds: float, *, refit: bool) -> None:
    """A line for the log and for `metrics.jsonl`."""
    values: dict[str, object] = {"epoch": run.epoch, "loss": round(loss, 5), "seconds": round(seconds, 1)}
    if refit:
        values["refit"] = True
    else:
        network = averaged(run)
        for one in run.sets:
            if one.held.any():
                right = (
                    read_all(network, one.ink[one.held], run.settings.network).argmax(1)
                    == one.classes[one.held]
                )
                for of, here in (("", ~one.known[one.held]), (", known writers", one.known[one.held])):
                    if here.any():
                        values[f"accuracy {one.name}{of}"] = round(float(right[here].mean()), 5)
    logger.info(", ".join(f"{k} {v}" for k, v in values.items()))
    with (run.settings.run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def _save(run: _Run) -> None:
    state = {
        "network_kind": run.settings.network,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "epoch": run.epoch,
        "step": run.step,
    }
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    parts = ("network_kind", "network", "average", "optimiser", "epoch", "step")
    state = load_checkpoint(folder, parts, run.settings.run.device)
    if state["network_kind"] != run.settings.network:
        raise other_run(folder, f"the {state['network_kind']} network")
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimiser.load_state_dict(state["optimiser"])
    run.epoch, run.step = state["epoch"], state["step"]
