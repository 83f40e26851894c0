"""Training of the line finder's network on whole pages. Resumable; averaged weights are what is kept.

Every step shows the network a few pieces of pages, each distorted anew.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field

import cv2
import torch
from torch import Tensor, nn

from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.layout.batches import PieceBatch, batches
from ocr_core.training.layout.config import LayoutTrainSettings
from ocr_core.training.layout.export import export_layout
from ocr_core.training.layout.loss import layout_loss
from ocr_core.training.layout.measure import PixelRates, measure_pieces
from ocr_core.training.layout.network import LayoutNetwork
from ocr_core.training.layout.pages import LayoutPage, load_layout, prepare_layout
from ocr_core.training.optimisation import autocast, one_cycle, update_average

logger = logging.getLogger(__name__)

_PAUSE = 30.0
"""Seconds: a step that takes longer was held up, by a machine asleep or others at work, and counts no more than this."""


@dataclass(frozen=True, slots=True)
class LayoutProgress:
    """How far a run is. `seconds` counts training only, over all its resumptions."""

    step: int = 0
    seconds: float = 0.0
    loss: float = 0.0


@dataclass(slots=True)
class _Run:
    settings: LayoutTrainSettings
    pages: list[LayoutPage]
    network: LayoutNetwork
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    progress: LayoutProgress = field(default_factory=LayoutProgress)


def train_layout(settings: LayoutTrainSettings) -> dict[str, PixelRates]:
    """Train, or go on with, the run that lives in `settings.run.folder`; the rates by corpus on held-out documents.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (one line an evaluation) and, with each
    evaluation, `NAME-VERSION.onnx` with a model card.

    Raises:
        UsageError: a corpus cannot be read.
        ModelError: the checkpoint of the folder is damaged or of another network.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run = _start(settings)
    saved = evaluated = before = time.monotonic()
    for batch in batches(run.pages, settings, run.progress.step):
        loss = _step(run, batch)
        now = time.monotonic()
        smooth = 0.98 * run.progress.loss + 0.02 * loss if run.progress.loss else loss
        seconds = run.progress.seconds + min(now - before, _PAUSE)
        run.progress = LayoutProgress(run.progress.step + 1, seconds, smooth)
        before = now
        if run.progress.step % 50 == 0:
            _note(run)
        if now - saved > settings.run.checkpoint_minutes * 60:
            _save(run)
            saved = now
        if now - evaluated > settings.run.evaluate_minutes * 60:
            _evaluate(run)
            evaluated = before = time.monotonic()
        if _done(run) >= 1:
            break
    _save(run)
    return _evaluate(run)


def _start(settings: LayoutTrainSettings) -> _Run:
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    pages = load_layout(prepare_layout(settings))
    torch.manual_seed(settings.run.seed)
    network = LayoutNetwork(settings.network.channels).to(
        device=settings.run.device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    schedule = settings.schedule
    groups = [  # matrices decay, biases and norms do not
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=schedule.peak, betas=(0.9, 0.99))
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    run = _Run(settings, pages, network, average, optimiser)
    if (settings.run.folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%d pages to train on, %d held out, %d parameters; from step %d",
        sum(p.split == "train" for p in pages), sum(p.split == "dev" for p in pages),
        sum(p.numel() for p in network.parameters()), run.progress.step,
    )  # fmt: skip
    return run


def _step(run: _Run, batch: PieceBatch) -> float:
    """One optimiser step. Returns the loss."""
    settings, device = run.settings, torch.device(run.settings.run.device)
    rate = _rate(run)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.network.train()
    with autocast(device, settings.run.precision):
        outputs = run.network(batch.images.to(device))
    loss = layout_loss(outputs.float(), _placed(batch, device))
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), settings.schedule.clip)
    if bool(torch.isfinite(norm)):
        run.optimiser.step()
    else:
        logger.warning("step %d: gradient not finite, step left out", run.progress.step)
    update_average(run.average, run.network.state_dict(), run.progress.step, settings.schedule.ema)
    return float(loss.detach())


def _placed(batch: PieceBatch, device: torch.device) -> PieceBatch:
    return PieceBatch(*(getattr(batch, f).to(device) for f in PieceBatch.__slots__))


def _done(run: _Run) -> float:
    """Share of the run that is done."""
    schedule = run.settings.schedule
    if schedule.minutes is not None:
        return run.progress.seconds / (schedule.minutes * 60)
    return run.progress.step / schedule.steps


def _rate(run: _Run) -> float:
    schedule = run.settings.schedule
    return one_cycle(_done(run), schedule.peak, schedule.warmup)


def _note(run: _Run) -> None:
    logger.info(
        "step %d loss %.3f rate %.2e done %.1f %% (%.2f s a step)",
        run.progress.step, run.progress.loss, _rate(run), 100 * _done(run), run.progress.seconds / run.progress.step,
    )  # fmt: skip


def averaged_network(
    run_average: dict[str, Tensor], channels: tuple[int, int, int, int, int]
) -> LayoutNetwork:
    """A network with the averaged weights, ready to be used."""
    network = LayoutNetwork(channels)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in run_average.items()})
    return network.eval()


def _evaluate(run: _Run) -> dict[str, PixelRates]:
    """Measure the averaged weights on held-out pages, note the rates, and export them."""
    settings = run.settings
    network = averaged_network({k: v.cpu() for k, v in run.average.items()}, settings.network.channels)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rates = {}
    for name in sorted({p.corpus for p in run.pages}):
        pages = [p for p in run.pages if p.split == "dev" and p.corpus == name]
        if pages:
            rates[name] = measure_pieces(network, pages, settings)
    line = {**asdict(run.progress), "rates": {n: asdict(r) for n, r in rates.items()}}
    with (settings.run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    logger.info(
        "held out: %s", ", ".join(f"{n} pixel F1 {r.f1:.3f} loss {r.loss:.3f}" for n, r in rates.items())
    )
    export_layout(
        settings,
        network,
        {n: (r.f1, r.pieces) for n, r in rates.items()},
        run.progress.step,
        run.progress.seconds,
    )
    return rates


def _save(run: _Run) -> None:
    state = {
        "channels": run.network.channels,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "progress": asdict(run.progress),
    }
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    parts = ("channels", "network", "average", "optimiser", "progress")
    state = load_checkpoint(folder, parts, run.settings.run.device)
    if tuple(state["channels"]) != run.network.channels:
        raise other_run(folder, "another network")
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimiser.load_state_dict(state["optimiser"])
    run.progress = LayoutProgress(**state["progress"])
