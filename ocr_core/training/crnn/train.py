"""Training of a CRNN: distorted lines in, averaged weights out, checkpoints that resume exactly."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from ocr_core.errors import NothingToDo
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.device import torch_device
from ocr_core.training.calibrate import Calibration, calibrate
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.crnn.batches import Batch, LineMaker, epoch_batches, plan_epoch
from ocr_core.training.crnn.compose import Composer
from ocr_core.training.crnn.config import ScheduleSettings, TrainSettings
from ocr_core.training.crnn.curves import note_evaluation, write_curves
from ocr_core.training.crnn.cuts import CUTS, find_cuts, load_cuts, save_cuts
from ocr_core.training.crnn.evaluate import Reading, mean_loss, read_lines
from ocr_core.training.crnn.export import export_run
from ocr_core.training.crnn.gradients import Workers
from ocr_core.training.crnn.networks import LEAST, LineNetwork, begin, same_shape, shape_of
from ocr_core.training.crnn.schedule import Progress, fraction_done, rate_of, take_error, take_loss
from ocr_core.training.crnn.splice import Splicer
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.metrics import ErrorRates, error_rates
from ocr_core.training.optimisation import update_average
from ocr_core.training.synthetic.prose import read_prose

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TrainResult:
    """The trained network (averaged weights), its characters and its error rates by corpus on held-out documents."""

    network: LineNetwork
    charset: Charset
    rates: dict[str, ErrorRates]
    progress: Progress


@dataclass(slots=True)
class _Run:
    settings: TrainSettings
    cache: LineCache
    charset: Charset
    network: LineNetwork
    average: dict[str, Tensor]
    initial: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    workers: Workers
    maker: LineMaker | None = None
    progress: Progress = field(default_factory=Progress)


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
    run = _start(settings)
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
                _save(run)
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
                _save(run)
                saved = before = time.monotonic()
    _save(run)
    rates = _evaluate(run, lost, last=True)
    write_curves(settings.run.folder, f"{settings.name}-{settings.version}")
    return TrainResult(_kept_network(run), run.charset, rates, run.progress)


def _note(run: _Run, loss: float) -> None:
    logger.info(
        "epoch %d step %d loss %.3f rate %.2e done %.1f %% (%.2f s a step)",
        run.progress.epoch, run.progress.step, loss, run.optimiser.param_groups[0]["lr"],
        100 * fraction_done(run.progress, run.settings.schedule), run.progress.seconds / run.progress.step,
    )  # fmt: skip


def _kept_network(run: _Run) -> LineNetwork:
    """The averaged weights, with the share that is retained of those that the run began with, ready to read."""
    retained = run.settings.network.retain
    weights = {
        name: value.float().lerp(run.initial[name].float(), retained) if value.is_floating_point() else value
        for name, value in run.average.items()
    }
    network = same_shape(run.network)
    network.load_state_dict(weights)
    return network.eval()


def _start(settings: TrainSettings) -> _Run:
    folder = settings.run.folder
    folder.mkdir(parents=True, exist_ok=True)
    cache = LineCache(prepare(settings, drawn=settings.order == "drawn", seed=settings.run.seed))
    texts = [cache.table["text"][r] for r in cache.rows("train")]
    torch.manual_seed(settings.run.seed)
    if not settings.network.init and max(Counter("".join(texts)).values(), default=0) < LEAST:
        raise _nothing(cache)
    network, charset = begin(settings.network, texts)
    network = _placed(network, settings.run.device)
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    covered = sum(charset.covers(text) for text in texts)
    if not covered:
        raise _nothing(cache)
    if not cache.rows("dev"):
        logger.warning("no document is held out: nothing will tell how well the network reads")
    optimiser = _optimiser(network, settings.schedule)
    initial = {k: v.clone() for k, v in average.items()}
    run = _Run(settings, cache, charset, network, average, initial, optimiser, Workers(network, settings))
    if settings.cuts_lines:
        run.maker = _maker(run)
    if (folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%d lines to train on, %d held out, %d characters, %d parameters; from step %d",
        covered, len(cache.rows("dev")), len(charset.characters),
        sum(p.numel() for p in network.parameters()), run.progress.step,
    )  # fmt: skip
    return run


def _maker(run: _Run) -> LineMaker:
    """Where lines are cut is decided once for a run, by the network that it begins with."""
    settings, augment = run.settings, run.settings.augment
    file = settings.run.folder / CUTS
    if not file.exists():
        rows = [r for r in run.cache.rows("train") if run.charset.covers(run.cache.table["text"][r])]
        logger.info("looks for the spaces and letters of %d lines", len(rows))
        cuts = find_cuts(run.network, run.cache, rows, run.charset, settings.run.precision)
        save_cuts(cuts, file)
        logger.info("%d of %d lines can be cut between words", len(cuts), len(rows))
    cuts = load_cuts(file)
    splicer = Splicer(run.cache, cuts, augment.splice)
    if not augment.compose:
        return splicer
    hands = [c.name for c in settings.corpora if c.one_hand]
    text = " ".join(read_prose(settings.data / augment.compose_text))
    composer = Composer(run.cache, cuts, splicer, corpora=hands, text=text, probability=augment.compose)
    for hand, (words, new) in composer.vocabulary().items():
        logger.info("%s: %d words to compose lines of, %d of them new to it", hand, words, new)
    return composer


def _nothing(cache: LineCache) -> NothingToDo:
    train, dev = len(cache.rows("train")), len(cache.rows("dev"))
    return NothingToDo(
        f"No line to train on: {dev} lines are held out, {train} have a character that occurs fewer than {LEAST} times",
        remedy="Look at the data with `warraq train inspect`, and at `path`, `document`, `dev` and `dev_fraction` of "
        "the corpora in the configuration.",
    )


def _placed(network: LineNetwork, device: str) -> LineNetwork:
    """The network on its device, its convolutions in the layout that is fastest on processors of today."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _optimiser(network: nn.Module, schedule: ScheduleSettings) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    if schedule.optimiser == "adam":
        return torch.optim.Adam(trained, lr=schedule.peak, weight_decay=schedule.weight_decay)
    groups: list[dict[str, object]] = [  # matrices decay, biases and norms do not
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=schedule.peak, betas=(0.9, 0.99))


def _step(run: _Run, batch: Batch) -> float:
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


def _evaluate(run: _Run, loss: float, *, epoch: bool = False, last: bool = False) -> dict[str, ErrorRates]:
    """Read held-out lines with the averaged weights, note the rates, and export where they are the best so far.

    Args:
        loss: of training, for the record.
        epoch: an epoch has ended, and the learning rate depends on it.
        last: the run has ended: all held-out lines are read, and what it ended with is exported, unless the schedule
            keeps the best.
    """
    settings, table = run.settings, run.cache.table
    network = _placed(_kept_network(run), settings.run.device)
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
        export_run(settings, network, run.charset, rates, run.progress.step, calibration)
    return rates


def _calibration(cache: LineCache, read: list[tuple[int, Reading]]) -> Calibration:
    if not read:
        return Calibration((), math.nan)
    return calibrate(
        [cache.table["text"][row] for row, _ in read], [r.text for _, r in read], [r.confidence for _, r in read],
        [f"{cache.table['corpus'][row]}/{cache.table['document'][row]}" for row, _ in read],
    )  # fmt: skip


def _save(run: _Run) -> None:
    state = {
        "shape": shape_of(run.network),
        "characters": run.charset.characters,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "progress": asdict(run.progress),
    }
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    parts = ("shape", "characters", "network", "average", "optimiser", "progress")
    state = load_checkpoint(folder, parts, run.settings.run.device)
    shape, found = (dict(s, dropout=0) for s in (shape_of(run.network), state["shape"]))
    if state["characters"] != run.charset.characters or found != shape:
        raise other_run(folder, "another network or other data")
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimiser.load_state_dict(state["optimiser"])
    run.progress = Progress(**state["progress"])
