"""Training of the compact CRNN: one cycle of the learning rate, averaged weights, checkpoints that resume exactly."""

from __future__ import annotations

import json
import logging
import math
import pickle
import time
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from ocr_core.errors import ModelError
from ocr_core.recognizers.charset import Charset
from ocr_core.recognizers.crnn_network import REDUCTION, Crnn, CrnnShape, channels_last
from ocr_core.recognizers.ctc import greedy
from ocr_core.training.batches import Batch, epoch_batches, make_batch
from ocr_core.training.cache import LineCache, prepare
from ocr_core.training.calibrate import Calibration, calibrate
from ocr_core.training.config import ScheduleSettings, TrainSettings
from ocr_core.training.export import export_run
from ocr_core.training.gradients import Workers, autocast
from ocr_core.training.metrics import ErrorRates, error_rates

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"


@dataclass(slots=True)
class Progress:
    """How far a run is. `seconds` counts training only, over all its resumptions; `place` is in the epoch's plan."""

    epoch: int = 0
    place: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf


@dataclass(slots=True)
class TrainResult:
    """The trained network (averaged weights), its characters and its error rates by corpus on held-out documents."""

    network: Crnn
    charset: Charset
    rates: dict[str, ErrorRates]
    progress: Progress


@dataclass(slots=True)
class _Run:
    settings: TrainSettings
    cache: LineCache
    charset: Charset
    network: Crnn
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    workers: Workers
    progress: Progress = field(default_factory=Progress)


def train_crnn(settings: TrainSettings) -> TrainResult:
    """Train, or go on with, the run that lives in `settings.run.folder`.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (one line an evaluation) and
    `NAME-VERSION.safetensors` with a model card whenever the averaged weights read the held-out lines better.

    Raises:
        UsageError: a corpus cannot be read.
        ModelError: the checkpoint of the folder belongs to another network.
    """
    torch.set_num_threads(settings.run.workers if settings.run.device != "cpu" else 1)
    run = _start(settings)
    rates: dict[str, ErrorRates] = {}
    saved = evaluated = before = time.monotonic()
    lost = 0.0
    while fraction_done(run.progress, settings.schedule) < 1:
        for place, batch in epoch_batches(
            run.cache, settings, run.charset, run.progress.epoch, run.progress.place
        ):
            loss = _step(run, batch)
            now = time.monotonic()
            run.progress.step += 1
            run.progress.place = place + 1
            run.progress.seconds += now - before
            before = now
            lost = loss if lost == 0 else 0.98 * lost + 0.02 * loss
            if run.progress.step % 50 == 0:
                _note(run, lost)
            if fraction_done(run.progress, settings.schedule) >= 1:
                break
            if now - saved > settings.run.checkpoint_minutes * 60:
                _save(run)
                saved = now
            if now - evaluated > settings.run.evaluate_minutes * 60:
                rates = _evaluate_and_export(run, lost)
                evaluated = before = time.monotonic()
        else:
            run.progress.epoch += 1
            run.progress.place = 0
    _save(run)
    rates = _evaluate_and_export(run, lost, last=True)
    return TrainResult(averaged_network(run.network, run.average), run.charset, rates, run.progress)


def _note(run: _Run, loss: float) -> None:
    logger.info(
        "epoch %d step %d loss %.3f rate %.2e done %.1f %% (%.2f s a step)",
        run.progress.epoch, run.progress.step, loss, run.optimiser.param_groups[0]["lr"],
        100 * fraction_done(run.progress, run.settings.schedule), run.progress.seconds / run.progress.step,
    )  # fmt: skip


def fraction_done(progress: Progress, schedule: ScheduleSettings) -> float:
    """Share of the run that is done: by time where the schedule has minutes, else by steps."""
    if schedule.minutes is not None:
        return progress.seconds / (schedule.minutes * 60)
    return progress.step / schedule.steps


def learning_rate(done: float, schedule: ScheduleSettings) -> float:
    """One cycle: linear up to the peak over the warm-up, then down to 1/500 of it along a cosine (Smith 2018)."""
    if done < schedule.warmup:
        return schedule.peak * (0.05 + 0.95 * done / schedule.warmup)
    rest = (min(done, 1.0) - schedule.warmup) / (1 - schedule.warmup)
    return schedule.peak * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * rest)))


def averaged_network(network: Crnn, average: dict[str, Tensor]) -> Crnn:
    """A copy of a network with the averaged weights, ready to read."""
    copy = Crnn(network.shape)
    copy.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in average.items()})
    return copy.eval()


def read_rows(
    network: Crnn, cache: LineCache, rows: list[int], charset: Charset, precision: str
) -> list[tuple[str, float]]:
    """Texts and raw confidences that a network reads on lines of the cache, undistorted, in the order of `rows`."""
    network.eval()
    device = next(network.parameters()).device
    order = sorted(rows, key=cache.width)
    read: dict[int, tuple[str, float]] = {}
    for at in range(0, len(order), 32):
        batch = make_batch(cache, order[at : at + 32], None, network.shape.height)
        with torch.inference_mode(), autocast(device, precision):
            logits, _ = network(batch.images.to(device), batch.widths.to(device))
        scores = logits.float().log_softmax(2).cpu().numpy()
        for place, row in enumerate(batch.rows):
            frames = -(-int(batch.widths[place]) // REDUCTION)
            decoded = greedy(scores[:frames, place])
            read[row] = (charset.decode(decoded.classes), decoded.confidence)
    return [read[r] for r in rows]


def _start(settings: TrainSettings) -> _Run:
    folder = settings.run.folder
    folder.mkdir(parents=True, exist_ok=True)
    cache = LineCache(prepare(settings))
    texts = [cache.table["text"][r] for r in cache.rows("train")]
    charset = Charset.of(texts, least=3)
    n = settings.network
    torch.manual_seed(settings.run.seed)
    network = Crnn(CrnnShape(charset.classes, n.height, n.channels, n.hidden, n.layers, n.dropout))
    network = channels_last(network, settings.run.device)
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        _groups(network, settings.schedule), lr=settings.schedule.peak, betas=(0.9, 0.99)
    )
    run = _Run(settings, cache, charset, network, average, optimiser, Workers(network, settings))
    if (folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%d lines to train on, %d held out, %d characters, %d parameters; from step %d",
        len(texts), len(cache.rows("dev")), len(charset.characters),
        sum(p.numel() for p in network.parameters()), run.progress.step,
    )  # fmt: skip
    return run


def _groups(network: nn.Module, schedule: ScheduleSettings) -> list[dict[str, object]]:
    """Matrices decay, biases and norms do not."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": schedule.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def _step(run: _Run, batch: Batch) -> float:
    """One optimiser step. Returns the loss for each character."""
    settings = run.settings
    rate = learning_rate(fraction_done(run.progress, settings.schedule), settings.schedule)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    loss = run.workers.gradients(batch, (settings.run.seed, run.progress.step))
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), settings.schedule.clip)
    if bool(torch.isfinite(norm)):
        run.optimiser.step()
    else:
        logger.warning(
            "epoch %d step %d: gradient not finite, step left out", run.progress.epoch, run.progress.step
        )
    _update_average(run)
    return loss


def _update_average(run: _Run) -> None:
    """Exponential average of the weights, shorter at the start of a run."""
    decay = min(run.settings.schedule.ema, (1 + run.progress.step) / (10 + run.progress.step))
    pairs = [(run.average[k], v.detach()) for k, v in run.network.state_dict().items()]
    floats = [(a, v) for a, v in pairs if v.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [v for _, v in floats], 1 - decay)
    for a, v in pairs:
        if not v.is_floating_point():
            a.copy_(v)


def _evaluate_and_export(run: _Run, loss: float, *, last: bool = False) -> dict[str, ErrorRates]:
    """Read held-out lines with the averaged weights, note the rates, and export where they are the best so far."""
    settings = run.settings
    network = channels_last(averaged_network(run.network, run.average))
    rates: dict[str, ErrorRates] = {}
    readings: list[tuple[int, tuple[str, float]]] = []
    for corpus in settings.corpora:
        rows = run.cache.rows("dev", corpus.name)
        limit = len(rows) if last else max(20, round(settings.run.evaluate_lines * corpus.share))
        rows = rows[:: max(1, len(rows) // limit)]
        if rows:
            read = read_rows(network, run.cache, rows, run.charset, settings.run.precision)
            rates[corpus.name] = error_rates(
                [run.cache.table["text"][r] for r in rows], [text for text, _ in read]
            )
            readings += zip(rows, read, strict=True)
    weight = {c.name: c.share for c in settings.corpora if c.name in rates}
    mean = sum(rates[n].cer * w for n, w in weight.items()) / max(sum(weight.values()), 1e-9)
    line = {
        **asdict(run.progress), "done": fraction_done(run.progress, settings.schedule), "loss": loss, "mean_cer": mean,
        "rates": {n: asdict(r) for n, r in rates.items()},
    }  # fmt: skip
    with (settings.run.folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    logger.info("held out: %s", ", ".join(f"{n} CER {r.cer:.3f} WER {r.wer:.3f}" for n, r in rates.items()))
    if mean < run.progress.best or last:
        run.progress.best = min(mean, run.progress.best)
        export_run(
            settings, network, run.charset, rates, run.progress.step, _calibration(run.cache, readings)
        )
    return rates


def _calibration(cache: LineCache, readings: list[tuple[int, tuple[str, float]]]) -> Calibration:
    texts = [cache.table["text"][row] for row, _ in readings]
    return calibrate(
        texts, [text for _, (text, _) in readings], [raw for _, (_, raw) in readings],
        [f"{cache.table['corpus'][row]}/{cache.table['document'][row]}" for row, _ in readings],
    )  # fmt: skip


def _save(run: _Run) -> None:
    state = {
        "shape": asdict(run.network.shape),
        "characters": run.charset.characters,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "progress": asdict(run.progress),
    }
    path = run.settings.run.folder / CHECKPOINT
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _resume(run: _Run) -> None:
    path = run.settings.run.folder / CHECKPOINT
    try:
        state = torch.load(path, map_location=run.settings.run.device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ModelError(
            f"the checkpoint {path} cannot be read: {str(error).splitlines()[0]}",
            remedy="Take it away to begin the run anew, or restore it from a copy.",
        ) from error
    shape = {**asdict(run.network.shape), "dropout": state["shape"]["dropout"]}
    if state["characters"] != run.charset.characters or state["shape"] != shape:
        raise ModelError(
            f"{path} is of another network or other data",
            remedy="Choose another run folder, or take up the configuration that the run began with.",
        )
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimiser.load_state_dict(state["optimiser"])
    run.progress = Progress(**state["progress"])
