"""Fine-tuning of a TrOCR model on transcribed lines; a run that was interrupted goes on after its last finished epoch.

The loop is our own: the trainer of transformers 5 resumes and reloads its best model with encoder tensors left at random,
because their names in files are not those in memory. Here a checkpoint is loaded whole or not at all.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.errors import UsageError
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.recognizers.model_folder import WEIGHTS_FILE
from ocr_core.recognizers.trocr.engine import KIND, TrocrRecognizer, stamp_of
from ocr_core.recognizers.trocr.file import TrocrFolder, load_folder, save_folder
from ocr_core.recognizers.trocr.images import model_input, prepared
from ocr_core.recognizers.trocr.pull import model_folder
from ocr_core.records import EngineStamp
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.fine_tuning import epoch_rows, mean_cer, note, rate_at
from ocr_core.training.metrics import ErrorRates, error_rates
from ocr_core.training.provenance import documents_held_out, seconds_noted, training_of
from ocr_core.training.trocr.augment import distorted
from ocr_core.training.trocr.config import TrocrSettings

logger = logging.getLogger(__name__)

_MOST_TOKENS = 128
_GPU_BATCHES = (64, 32, 16, 8, 4, 2, 1)
_CPU_BATCH = 4


@dataclass(slots=True)
class _Run:
    settings: TrocrSettings
    loaded: TrocrFolder
    cache: LineCache
    device: torch.device
    bf16: bool
    optimiser: torch.optim.Optimizer
    batch: int
    epoch: int = 0
    step: int = 0
    best: float = math.inf
    bad: int = 0


def train_trocr(settings: TrocrSettings) -> Path:
    """Train, or go on with, the run that lives in `settings.run.folder`. Returns the folder of the best model.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (losses and error rates of every epoch), and
    `NAME/`, a model folder with its card, whenever held-out lines were read better than ever.

    Raises:
        UsageError: a corpus cannot be read, or has no line to train on.
        ModelError: the model to begin with is not whole, or the checkpoint belongs to another one.
    """
    if settings.run.threads:
        torch.set_num_threads(settings.run.threads)
    run = _start(settings)
    schedule = settings.schedule
    while run.epoch < schedule.epochs and not (schedule.patience and run.bad >= schedule.patience):
        started = time.monotonic()
        loss = _epoch(run)
        run.epoch += 1
        rates = _evaluate(run)
        _take(run, rates)
        note(settings.run.folder, run, loss, rates, time.monotonic() - started)
        _save(run)
    return settings.run.folder / settings.name


def labels_of(texts: Sequence[str], loaded: TrocrFolder) -> Tensor:
    """Token ids of texts, each with its end, int64 [B, T]; -100 after it, where nothing is learnt."""
    most = min(_MOST_TOKENS, loaded.longest - 1)
    rows = [[*loaded.tokenizer(t, add_special_tokens=False).input_ids[: most - 1], loaded.end] for t in texts]
    labels = torch.full((len(rows), max(map(len, rows))), -100)
    for place, row in enumerate(rows):
        labels[place, : len(row)] = torch.tensor(row)
    return labels


def _start(settings: TrocrSettings) -> _Run:
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    cache = LineCache(prepare(settings))
    if not cache.rows("train"):
        raise UsageError("There is no line to train on", remedy="Correct the corpora of the configuration.")
    loaded = load_folder(model_folder(settings.init))
    loaded.steps = settings.steps
    name = settings.run.device
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    model: Any = loaded.model
    model.to(device)
    model.config.decoder_start_token_id, model.config.pad_token_id = loaded.start, loaded.pad
    if settings.run.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.schedule.rate, weight_decay=settings.schedule.weight_decay
    )
    auto = settings.run.precision == "auto"
    bf16 = device.type != "cpu" if auto else settings.run.precision == "bf16"
    run = _Run(settings, loaded, cache, device, bf16, optimiser, settings.schedule.batch)
    if not run.batch:
        run.batch = _largest_batch(run)
    if (settings.run.folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%d lines to train on, %d held out, batches of %d on %s; from epoch %d",
        len(cache.rows("train")), len(cache.rows("dev")), run.batch, device, run.epoch,
    )  # fmt: skip
    return run


def _largest_batch(run: _Run) -> int:
    """Lines that fit into the memory of the GPU, found by trying; few on a processor, where more are no faster."""
    if run.device.type == "cpu":
        return _CPU_BATCH
    row = max(run.cache.rows("train"), key=lambda r: len(run.cache.table["text"][r]))
    for size in _GPU_BATCHES:
        try:
            _loss(run, [row] * size, np.random.default_rng(0)).backward()
        except torch.cuda.OutOfMemoryError:
            pass  # what it holds is freed only once this block is left
        else:
            run.optimiser.zero_grad()
            return max(1, size // 2)  # optimiser states come on top
        run.optimiser.zero_grad()
        torch.cuda.empty_cache()
    raise UsageError(
        "No line fits into the memory of the GPU", remedy="Take run.device = 'cpu', or another GPU."
    )


def _epoch(run: _Run) -> float:
    """One epoch. Returns its mean loss."""
    settings, schedule = run.settings, run.settings.schedule
    rng = np.random.default_rng([settings.run.seed, run.epoch])
    torch.manual_seed(settings.run.seed * 10_007 + run.epoch)  # what dropout drops
    rows = epoch_rows(settings.corpora, schedule.samples_per_epoch, run.cache, rng)
    steps = -(-len(rows) // run.batch)
    model: Any = run.loaded.model
    model.train()
    total = 0.0
    for number in range(steps):
        for group in run.optimiser.param_groups:
            group["lr"] = rate_at(
                run.epoch * steps + number,
                steps * schedule.epochs,
                peak=schedule.rate,
                warmup=schedule.warmup,
            )
        run.optimiser.zero_grad()
        loss = _loss(run, rows[number * run.batch : (number + 1) * run.batch], rng)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        if bool(torch.isfinite(norm)):
            run.optimiser.step()
        else:
            logger.warning("epoch %d step %d: gradient not finite, step left out", run.epoch, number)
        run.step += 1
        total += float(loss.detach())
    return total / steps


def _loss(run: _Run, rows: Sequence[int], rng: np.random.Generator) -> Tensor:
    lines = [run.cache[row] for row in rows]
    pictures = [
        prepared(distorted(line.nominal(), rng, run.settings.augment), run.loaded.steps) for line in lines
    ]
    inputs = np.stack([model_input(picture, run.loaded.shape) for picture in pictures])
    model: Any = run.loaded.model
    with torch.autocast(run.device.type, torch.bfloat16, enabled=run.bf16):
        out = model(
            pixel_values=torch.from_numpy(inputs).to(run.device),
            labels=labels_of([line.text for line in lines], run.loaded).to(run.device),
            use_cache=False,
        )
    loss: Tensor = out.loss
    return loss


def _evaluate(run: _Run) -> dict[str, ErrorRates]:
    """Error rates of each corpus on held-out lines, or on those of the training where none are held out."""
    reader = TrocrRecognizer(
        run.loaded, EngineStamp(run.settings.name, run.settings.version), device=str(run.device), cast=False
    )
    rates: dict[str, ErrorRates] = {}
    split = "dev" if run.cache.rows("dev") else "train"
    for corpus in run.settings.corpora:
        rows = run.cache.rows(split, corpus.name)
        rows = rows[:: max(1, -(-len(rows) // run.settings.schedule.evaluate_lines))]
        if rows:
            readings = reader.readings([run.cache[row].nominal() for row in rows])
            truths = [run.cache.table["text"][row] for row in rows]
            rates[corpus.name] = error_rates(truths, [r.text for r in readings])
    return rates


def _take(run: _Run, rates: dict[str, ErrorRates]) -> None:
    """Keep the model if it reads better than ever, else count an epoch without progress."""
    error = mean_cer(rates)
    if error < run.best:
        run.best, run.bad = error, 0
        folder = run.settings.run.folder / run.settings.name
        save_folder(folder, run.loaded)
        write_card(folder / f"{run.settings.name}.json", _card(run, folder, rates))
    else:
        run.bad += 1


def _card(run: _Run, folder: Path, rates: dict[str, ErrorRates]) -> ModelCard:
    settings = run.settings
    digest = sha256_of(folder / WEIGHTS_FILE)
    figures = [
        Figure(f"{what} {name}", round(getattr(rate, what.lower()), 4), rate.lines)
        for name, rate in rates.items()
        for what in ("CER", "WER")
    ]
    held = (
        "held-out documents" if run.cache.rows("dev") else "the lines of the training, for none were held out"
    )
    return ModelCard(
        name=settings.name,
        version=settings.version,
        kind=KIND,
        file=WEIGHTS_FILE,
        sha256=digest,
        licence="that of the model it began with",
        parameters=sum(p.numel() for p in run.loaded.model.parameters()),
        data=tuple(DataSource(c.name, c.source, c.licence) for c in settings.corpora if c.share > 0),
        figures=tuple(figures),
        training=training_of(
            "trocr", settings, documents_held_out(settings.corpora), seconds_noted(settings.run.folder)
        ),
        settings=stamp_of(folder, settings.name, settings.version, settings.steps, 1, digest).settings,
        notes=f"Fine-tuned from {Path(settings.init).name}, epoch {run.epoch}, {run.step} steps of {run.batch} lines. "
        f"Error rates of greedy reading on {held}, lines cut by the ground-truth outlines.",
    )


def _save(run: _Run) -> None:
    state = {
        "model": run.loaded.model.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "batch": run.batch,
        "epoch": run.epoch,
        "step": run.step,
        "best": run.best,
        "bad": run.bad,
    }
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    parts = ("model", "optimiser", "batch", "epoch", "step", "best", "bad")
    state = load_checkpoint(folder, parts, run.device)
    try:
        run.loaded.model.load_state_dict(state["model"], strict=True)
        run.optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise other_run(folder, f"another model: {str(error).splitlines()[0]}") from error
    run.batch = state["batch"]
    run.epoch, run.step, run.best, run.bad = (state[key] for key in ("epoch", "step", "best", "bad"))
