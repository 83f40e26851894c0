"""Training of a CRNN: distorted lines in, averaged weights out, checkpoints that resume exactly."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

import torch
from torch import nn

from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.device import torch_device
from ocr_core.training.calibrate import Calibration, calibrate
from ocr_core.training.crnn.batches import Batch, epoch_batches, plan_epoch
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.crnn.curves import note_evaluation, write_curves
from ocr_core.training.crnn.evaluate import Reading, mean_loss, read_lines
from ocr_core.training.crnn.export import export_run
from ocr_core.training.crnn.networks import LineNetwork
from ocr_core.training.crnn.run import Run, kept_network, placed, save_run, start_run
from ocr_core.training.crnn.schedule import Progress, fraction_done, rate_of, take_error, take_loss
from ocr_core.training.data.cache import LineCache
from ocr_core.training.metrics import ErrorRates, error_rates
from ocr_core.training.optimisation import update_average

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TrainResult:
    """The trained network (averaged weights), its characters and its error rates by corpus on held-out documents."""

    network: LineNetwork
    charset: Charset
    rates: dict[str, ErrorRates]
    progress: Progress


def train_crnn(settings: TrainSettings) -> TrainResult:
    """Train, or go on with, the run that lives in `settings.run.folder`.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (one line an evaluation) and
    `NAME-VERSION.safetensors` with a model card whenever the averaged weights read the held-out lines better; at the end
    `NAME-VERSION.html` with the curves and `NAME-VERSION.csv` with the table of metrics.

    Raises:
        UsageError: a corpus cannot be read, or the settings do not fit the weights to begin with.
        NothingToDo: there is no line to train on.
        MissingDependency: this machine does not have the device.
        ModelError: the checkpoint of the folder belongs to another network, or the weights to begin with are damaged.
    """
    torch_device(settings.run.device)
    torch.set_num_threads(settings.run.workers if settings.run.device != "cpu" else 1)
    run = start_run(settings)
    saved = evaluated = before = time.monotonic()
    lost = 0.0
    while fraction_done(run.progress, settings.schedule) < 1:
        if settings.schedule.epochs:
            run.progress.batches = len(plan_epoch(run.cache, settings, run.charset, run.progress.epoch))
        for place, batch in epoch_batches(
            run.cache, settings, run.charset, run.progress.epoch, run.progress.place, run.maker
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
            if not settings.schedule.epochs and fraction_done(run.progress, settings.schedule) >= 1:
                break
            if now - saved > settings.run.checkpoint_minutes * 60:
                save_run(run)
                saved = now
            if settings.schedule.kind != "plateau" and now - evaluated > settings.run.evaluate_minutes * 60:
                _evaluate(run, lost)
                evaluated = before = time.monotonic()
                if run.progress.stopped:
                    break
        else:
            run.progress.epoch += 1
            run.progress.place = 0
            if settings.schedule.kind == "plateau":
                _evaluate(run, lost, epoch=True)
                save_run(run)
                saved = before = time.monotonic()
    save_run(run)
    rates = _evaluate(run, lost, last=True)
    write_curves(settings.run.folder, f"{settings.name}-{settings.version}")
    return TrainResult(kept_network(run), run.charset, rates, run.progress)


def _note(run: Run, loss: float) -> None:
    logger.info(
        "epoch %d step %d loss %.3f rate %.2e done %.1f %% (%.2f s a step)",
        run.progress.epoch, run.progress.step, loss, run.optimiser.param_groups[0]["lr"],
        100 * fraction_done(run.progress, run.settings.schedule), run.progress.seconds / run.progress.step,
    )  # fmt: skip


def _step(run: Run, batch: Batch) -> float:
    """One optimiser step. Returns the loss for each character."""
    settings = run.settings
    for group in run.optimiser.param_groups:
        group["lr"] = rate_of(run.progress, settings.schedule)
    loss = run.workers.gradients(batch, (settings.run.seed, run.progress.step))
    norm = nn.utils.clip_grad_norm_(run.network.parameters(), settings.schedule.clip)
    if bool(torch.isfinite(norm)):
        run.optimiser.step()
    else:
        logger.warning(
            "epoch %d step %d: gradient not finite, step left out", run.progress.epoch, run.progress.step
        )
    update_average(run.average, run.network.state_dict(), run.progress.step, settings.schedule.ema)
    return loss


def _evaluate(run: Run, loss: float, *, epoch: bool = False, last: bool = False) -> dict[str, ErrorRates]:
    """Read held-out lines with the averaged weights, note the rates, and export where they are the best so far.

    Args:
        loss: of training, for the record.
        epoch: an epoch has ended, and the learning rate depends on it.
        last: the run has ended: all held-out lines are read, and what it ended with is exported, unless the schedule
            keeps the best.
    """
    settings, table = run.settings, run.cache.table
    network = placed(kept_network(run), settings.run.device)
    rates: dict[str, ErrorRates] = {}
    read: list[tuple[int, Reading]] = []
    keeps_best = settings.schedule.patience > 0 or settings.schedule.kind == "plateau"
    whole = last and not keeps_best
    for corpus in settings.corpora:
        rows = run.cache.rows("dev", corpus.name)
        share = corpus.share or 1.0
        limit = len(rows) if whole else max(20, round(settings.run.evaluate_lines * share))
        rows = rows[:: max(1, len(rows) // limit)] if rows else []
        if rows:
            readings = read_lines(network, run.cache, rows, run.charset, settings.run.precision)
            rates[corpus.name] = error_rates([table["text"][r] for r in rows], [r.text for r in readings])
            read += zip(rows, readings, strict=True)
    weight = {c.name: c.share for c in settings.corpora if c.name in rates}
    if not any(weight.values()):
        weight = dict.fromkeys(weight, 1.0)
    mean = sum(rates[n].cer * w for n, w in weight.items()) / max(sum(weight.values()), 1e-9)
    held = mean_loss([r for _, r in read], [table["text"][row] for row, _ in read])
    rate = run.optimiser.param_groups[0]["lr"]
    better = take_error(run.progress, mean, settings.schedule) if rates and not last else False
    if epoch and math.isfinite(held):
        take_loss(run.progress, held, settings.schedule)
    note_evaluation(
        settings.run.folder,
        run.progress,
        fraction_done(run.progress, settings.schedule),
        loss,
        held,
        rate,
        mean,
        rates,
    )
    if rates:
        logger.info(
            "held out: %s", ", ".join(f"{n} CER {r.cer:.3f} WER {r.wer:.3f}" for n, r in rates.items())
        )
    if better or (last and not (keeps_best and math.isfinite(run.progress.best))):
        calibration = _calibration(run.cache, read)
        export_run(
            settings, network, run.charset, rates, run.progress.step, calibration, run.progress.seconds
        )
    return rates


def _calibration(cache: LineCache, read: list[tuple[int, Reading]]) -> Calibration:
    if not read:
        return Calibration((), math.nan)
    return calibrate(
        [cache.table["text"][row] for row, _ in read], [r.text for _, r in read], [r.confidence for _, r in read],
        [f"{cache.table['corpus'][row]}/{cache.table['document'][row]}" for row, _ in read],
    )  # fmt: skip
