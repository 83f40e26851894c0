"""LoRA fine-tuning of a Qwen-VL model on transcribed lines and pages; an interrupted run goes on after its last epoch."""

from __future__ import annotations

import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.models.card import DataSource, Figure, ModelCard, write_card
from ocr_core.models.pulled import verified_folder
from ocr_core.models.remote import REMOTE
from ocr_core.recognizers.device import torch_device
from ocr_core.recognizers.qwen.engine import QwenRecognizer, Reading
from ocr_core.recognizers.qwen.file import QwenFolder, load_folder
from ocr_core.recognizers.qwen.pull import KIND, qwen_stamp
from ocr_core.recognizers.qwen.settings import QwenSettings
from ocr_core.recognizers.qwen.writer import TorchWriter
from ocr_core.records import EngineStamp
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.fine_tuning import epoch_rows, mean_cer, note, rate_at
from ocr_core.training.metrics import ErrorRates, error_rates
from ocr_core.training.provenance import documents_held_out, seconds_noted, training_of
from ocr_core.training.qwen.config import QwenLoraSettings
from ocr_core.training.qwen.lora import adapt, adapters_of, merge, set_adapters
from ocr_core.training.qwen.loss import labelled, loss_of
from ocr_core.training.qwen.samples import Samples, samples_of

logger = logging.getLogger(__name__)

_COPIED = (
    "*token*.json",
    "vocab.json",
    "merges*.txt",
    "preprocessor_config.json",
    "chat_template*",
    "*.jinja",
)
"""What a model folder has beside weights and configuration."""


@dataclass(slots=True)
class _Run:
    settings: QwenLoraSettings
    loaded: QwenFolder
    samples: tuple[Samples, ...]
    optimiser: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    best: float = math.inf
    bad: int = 0
    kept: dict[str, Tensor] | None = None
    rates: dict[str, Any] | None = None


def train_qwen_lora(settings: QwenLoraSettings) -> Path:
    """Train, or go on with, the run that lives in `settings.run.folder`. Returns the folder of the best model.

    Writes there `checkpoint.pt` (all that resuming needs), `metrics.jsonl` (losses and error rates of every epoch), and at
    the end `NAME/`, the model with its adapters added in, and its card `NAME.json`.

    Raises:
        UsageError: a corpus cannot be read, there is nothing to train on, or no layer is to be adapted.
        ModelError: the model to begin with is not whole, or the checkpoint belongs to another one.
    """
    if settings.run.threads:
        torch.set_num_threads(settings.run.threads)
    source = verified_folder(settings.init) if settings.init in REMOTE else Path(settings.init)
    run = _start(settings, source)
    schedule = settings.schedule
    while run.epoch < schedule.epochs and not (schedule.patience and run.bad >= schedule.patience):
        started = time.monotonic()
        loss = _epoch(run)
        run.epoch += 1
        rates = _evaluate(run)
        _take(run, rates)
        note(settings.run.folder, run, loss, rates, time.monotonic() - started)
        _save(run)
    return _write(run, source)


def _start(settings: QwenLoraSettings, source: Path) -> _Run:
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    device = torch_device(settings.run.device)
    half = device.type != "cpu" if settings.run.precision == "auto" else settings.run.precision == "bf16"
    loaded = load_folder(source, torch.bfloat16 if half else torch.float32)
    model: Any = loaded.model
    tokenizer: Any = loaded.tokenizer
    samples = samples_of(settings, lambda text: len(tokenizer(text)["input_ids"]))
    model.to(device)
    torch.manual_seed(settings.run.seed)
    own = settings.adapters
    count = adapt(model, own.layers, rank=own.rank, alpha=own.alpha, dropout=own.dropout)
    if settings.run.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        learning, lr=settings.schedule.rate, weight_decay=settings.schedule.weight_decay
    )
    run = _Run(settings, loaded, samples, optimiser)
    if (settings.run.folder / CHECKPOINT).exists():
        _resume(run)
    logger.info(
        "%s; %d adapted layers with %d values on %s; from epoch %d",
        ", ".join(f"{len(s.rows('train'))} {s.kind}s to train on, {len(s.rows('dev'))} held out" for s in samples),
        count, sum(p.numel() for p in learning), device, run.epoch,
    )  # fmt: skip
    return run


def _steps(run: _Run, rng: np.random.Generator) -> list[tuple[Samples, list[int]]]:
    """What each step of an epoch learns from."""
    steps: list[tuple[Samples, list[int]]] = []
    for samples in run.samples:
        corpora = [corpus for corpus in run.settings.corpora if samples.rows("train", corpus.name)]
        rows = epoch_rows(corpora, samples.per_epoch, samples, rng)
        steps += [
            (samples, rows[start : start + samples.batch]) for start in range(0, len(rows), samples.batch)
        ]
    return [steps[i] for i in rng.permutation(len(steps))]


def _epoch(run: _Run) -> float:
    """One epoch. Returns its mean loss."""
    settings, schedule = run.settings, run.settings.schedule
    rng = np.random.default_rng([settings.run.seed, run.epoch])
    torch.manual_seed(settings.run.seed * 10_007 + run.epoch)  # what dropout drops
    steps = _steps(run, rng)
    model: Any = run.loaded.model
    model.train()
    total = 0.0
    for number, (samples, rows) in enumerate(steps):
        for group in run.optimiser.param_groups:
            group["lr"] = rate_at(
                run.epoch * len(steps) + number,
                len(steps) * schedule.epochs,
                peak=schedule.rate,
                warmup=schedule.warmup,
            )
        requests = [samples.request(row, rng) for row in rows]
        loss = loss_of(model, labelled(run.loaded, requests, [samples.text(row) for row in rows]))
        loss.backward()
        norm = nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], schedule.clip)
        if bool(torch.isfinite(norm)):
            run.optimiser.step()
        else:
            logger.warning("epoch %d step %d: gradient not finite, step left out", run.epoch, number)
        run.optimiser.zero_grad()
        run.step += 1
        total += float(loss.detach())
    return total / len(steps)


def _evaluate(run: _Run) -> dict[str, ErrorRates]:
    """Error rates of each corpus on what is held out, or on what was learnt where nothing is; pages are read as a whole."""
    own = run.settings
    settings = QwenSettings(prompt=own.prompt, retries=0)
    model: Any = run.loaded.model
    stamp = EngineStamp(own.name, own.version)
    writer = TorchWriter(run.loaded, settings, str(model.device), cast=False)
    reader = QwenRecognizer(writer, stamp, settings)
    rates: dict[str, ErrorRates] = {}
    for samples, corpus in product(run.samples, own.corpora):
        rows = samples.rows("dev" if samples.rows("dev") else "train", corpus.name)
        rows = rows[:: max(1, -(-len(rows) // own.schedule.evaluate_lines))]
        if rows:
            answers = reader.readings([samples.request(row) for row in rows])
            texts = [answer.text if isinstance(answer, Reading) else "" for answer in answers]
            name = corpus.name if samples.kind == "line" else f"{corpus.name} by page"
            rates[name] = error_rates([" ".join(samples.text(row).split()) for row in rows], texts)
    return rates


def _take(run: _Run, rates: dict[str, ErrorRates]) -> None:
    """Keep the adapters if they read better than ever, else count an epoch without progress."""
    error = mean_cer(rates)
    if error < run.best:
        run.best, run.bad = error, 0
        run.kept = adapters_of(run.loaded.model)
        run.rates = {name: asdict(rate) for name, rate in rates.items()}
    else:
        run.bad += 1


_PARTS = ("epoch", "step", "best", "bad", "kept", "rates")


def _save(run: _Run) -> None:
    state = {name: getattr(run, name) for name in _PARTS}
    state |= {"adapters": adapters_of(run.loaded.model), "optimiser": run.optimiser.state_dict()}
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    state = load_checkpoint(folder, (*_PARTS, "adapters", "optimiser"))
    try:
        set_adapters(run.loaded.model, state["adapters"])
        run.optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise other_run(folder, f"another model: {error}") from error
    for name in _PARTS:
        setattr(run, name, state[name])


def _write(run: _Run, source: Path) -> Path:
    """The model with the best adapters added in, as a folder like the one it began with, and its card."""
    settings = run.settings
    model: Any = run.loaded.model
    if run.kept is not None:
        set_adapters(model, run.kept)
    merge(model)
    folder = settings.run.folder / settings.name
    model.save_pretrained(folder, safe_serialization=True)
    for pattern in _COPIED:
        for path in source.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    load_folder(folder)  # what cannot be read again is no result
    kept = {name: getattr(settings, name) for name in ("prompt", "line_pixels", "page_pixels")}
    stamp = qwen_stamp(QwenSettings(model=str(folder), **kept))
    held = "; ".join(
        f"of {s.kind}s of {'held-out documents' if s.rows('dev') else 'the training, for none were held out'}"
        for s in run.samples
    )
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind=KIND,
        file=settings.name,
        sha256=stamp.weights_sha256,
        licence="that of the model it began with",
        parameters=sum(p.numel() for p in model.parameters()),
        data=tuple(DataSource(c.name, c.source, c.licence) for c in settings.corpora if c.share > 0),
        figures=tuple(
            Figure(f"{what.upper()} {name}", round(rate[what], 4), rate["lines"])
            for name, rate in (run.rates or {}).items()
            for what in ("cer", "wer")
        ),
        settings=stamp.settings,
        training=training_of(
            "qwen-lora", settings, documents_held_out(settings.corpora), seconds_noted(settings.run.folder)
        ),
        notes=f"LoRA (rank {settings.adapters.rank}) on {Path(settings.init).name}, {run.epoch} epochs, {run.step} steps; "
        f"the sha256 is that of the list of the folder's files. Error rates {held}.",
    )
    write_card(settings.run.folder / f"{settings.name}.json", card)
    return folder
