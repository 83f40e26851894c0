"""Training of the line finder's network on whole pages. Resumable; averaged weights are what is kept.

Every step shows the network a few pieces of pages, each distorted anew. The loss is the cross entropy and the Dice
loss of baselines and line ends, and the distance of the logarithms of the reach above and below the baseline.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.records import GreyImage
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.layout.augment import distorted_piece, plain_piece
from ocr_core.training.layout.config import LayoutTrainSettings
from ocr_core.training.layout.export import export_layout
from ocr_core.training.layout.network import LayoutNetwork
from ocr_core.training.layout.pages import LayoutPage, load_layout, prepare_layout
from ocr_core.training.layout.synthetic import SYNTHETIC
from ocr_core.training.layout.targets import PageLine, Targets, draw_targets
from ocr_core.training.optimisation import autocast, one_cycle, update_average

logger = logging.getLogger(__name__)

_AHEAD = 4
"""Batches made ahead of the step that takes them."""
_PAUSE = 30.0
"""Seconds: a step that takes longer was held up, by a machine asleep or others at work, and counts no more than this."""
_BASELINE_WEIGHT, _END_WEIGHT = 3.0, 6.0
"""How much more a pixel on a baseline, or on a line's end, counts than one beside it."""
_END_SHARE, _REACH_SHARE = 0.5, 0.5
"""Of line ends and of reach in the loss, beside the baseline's."""


@dataclass(frozen=True, slots=True)
class LayoutProgress:
    """How far a run is. `seconds` counts training only, over all its resumptions."""

    step: int = 0
    seconds: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class PieceBatch:
    """`images` float32 [B, 1, side, side], ink 1; the maps of :class:`Targets` stacked, float32."""

    images: Tensor
    baseline: Tensor
    ends: Tensor
    counts: Tensor
    reach: Tensor
    near: Tensor


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
    for batch in _batches(run):
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


def _shares(run: _Run) -> tuple[list[LayoutPage], np.ndarray]:
    """The pages to train on, and how often each is drawn."""
    pages = [p for p in run.pages if p.split == "train"]
    share = {c.name: c.share for c in run.settings.corpora} | {SYNTHETIC: run.settings.synthetic.share}
    count = {name: sum(p.corpus == name for p in pages) for name in share}
    weights = np.array([share[p.corpus] / count[p.corpus] for p in pages])
    return pages, weights / weights.sum()


def _batches(run: _Run) -> Iterator[PieceBatch]:
    """Batches from the run's step on, without end, made ahead in a thread of its own."""
    pages, weights = _shares(run)
    settings = run.settings

    def make(step: int) -> PieceBatch:
        rng = np.random.default_rng((settings.run.seed, step))
        chosen = rng.choice(len(pages), size=2 * settings.schedule.batch, p=weights)
        pieces = [
            distorted_piece(pages[a], pages[b], settings.schedule.crop, rng, settings.augment)
            for a, b in chosen.reshape(-1, 2)
        ]
        return stacked(pieces)

    with ThreadPoolExecutor(1, thread_name_prefix="pieces") as pool:
        step = run.progress.step
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
    images = torch.stack([1 - torch.from_numpy(p).float()[None] / 255 for p, _ in pieces])
    drawn: list[Targets] = [draw_targets(lines, *piece.shape) for piece, lines in pieces]

    def maps(name: str) -> Tensor:
        return torch.stack([torch.from_numpy(getattr(d, name)).float() for d in drawn])

    return PieceBatch(
        images.contiguous(memory_format=torch.channels_last), maps("baseline"), maps("ends"), maps("counts"),
        maps("reach"), maps("near"),
    )  # fmt: skip


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
    export_layout(settings, network, {n: (r.f1, r.pieces) for n, r in rates.items()}, run.progress.step)
    return rates


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
