"""Training of the network that tells which way up a page lies, on the pages of the line finder's training.

Every step shows it pieces of pages, distorted anew and turned by quarters. The loss is the cross entropy of the turn in
every cell that holds ink.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.imaging.orientation import LONGEST, estimate_orientation, with_ink
from ocr_core.models.card import DataSource, Figure
from ocr_core.models.opencv import load_network
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.layout.augment import distorted_piece
from ocr_core.training.layout.config import OrientationTrainSettings
from ocr_core.training.layout.export import weights_path, write_onnx, write_page_card
from ocr_core.training.layout.network import PageLayer
from ocr_core.training.layout.pages import LayoutPage, by_share, load_layout, prepare_layout
from ocr_core.training.layout.synthetic import SYNTHETIC
from ocr_core.training.optimisation import one_cycle, update_average
from ocr_core.training.orientation.pages import SYNTHETIC_LATIN, latin_pages
from ocr_core.training.provenance import documents_held_out, training_of

logger = logging.getLogger(__name__)

KIND = "orientation"
_SMOOTHING = 0.05
_FIRST_SCALE = LONGEST / 1200
"""Pages of the cache have up to 1200 pixels; the network sees them at this scale, more or less."""


class OrientationNetwork(nn.Module):
    """float32 [B, 1, H, W], ink 1 on ground 0, sides multiples of 16 → [B, 4, H/16, W/16].

    The scores are of the quarter turns, counter-clockwise, that a page has been given: 0, 1, 2, 3.
    """

    def __init__(self, channels: tuple[int, int, int, int] = (16, 24, 40, 64)) -> None:
        super().__init__()
        self.channels = channels
        half, quarter, eighth, c16 = channels
        self.layers = nn.Sequential(
            PageLayer(1, half, stride=2),
            PageLayer(half, quarter, stride=2),
            PageLayer(quarter, quarter),
            PageLayer(quarter, eighth, stride=2),
            PageLayer(eighth, eighth),
            PageLayer(eighth, c16, stride=2),
            PageLayer(c16, c16),
            PageLayer(c16, c16),
        )
        self.head = nn.Conv2d(c16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.layers(x))
        return scores


@dataclass(slots=True)
class _Run:
    settings: OrientationTrainSettings
    pages: list[LayoutPage]
    network: OrientationNetwork
    optimiser: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0


def train_orientation(settings: OrientationTrainSettings) -> dict[str, float]:
    """Train, or go on with, the run in `settings.run.folder`: the share of held-out pages, turned all four ways, by corpus.

    Writes `NAME-VERSION.onnx` with a model card there at the end, and `checkpoint.pt` on the way.

    Raises:
        UsageError: a corpus cannot be read.
        ModelError: the checkpoint of the folder is damaged or of another network.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run = _start(settings)
    share = {c.name: c.share for c in settings.corpora} | {
        SYNTHETIC: settings.synthetic.share,
        SYNTHETIC_LATIN: settings.latin_share,
    }
    pages, weights = by_share(run.pages, share)
    saved, smooth = time.monotonic(), 0.0
    while run.step < settings.schedule.steps:
        rng = np.random.default_rng((settings.run.seed, run.step))
        loss = _step(run, *turned_pieces(pages, weights, rng, settings))
        smooth = 0.98 * smooth + 0.02 * loss if smooth else loss
        run.step += 1
        if run.step % 50 == 0:
            logger.info("step %d loss %.3f", run.step, smooth)
        if time.monotonic() - saved > settings.run.checkpoint_minutes * 60:
            _save(run)
            saved = time.monotonic()
    _save(run)
    return _export(run)


def turned_pieces(
    pages: list[LayoutPage],
    weights: np.ndarray,
    rng: np.random.Generator,
    settings: OrientationTrainSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch: `images` float32 [B, 1, side, side], `turns` int64 [B], `inked` bool [B, side/16, side/16]."""
    low, high = settings.augment.scale
    augment = settings.augment.model_copy(
        update={"mirror": 0.0, "scale": (low * _FIRST_SCALE, high * _FIRST_SCALE)}
    )
    images, turns = [], []
    for a, b in rng.choice(len(pages), size=(settings.schedule.batch, 2), p=weights):
        piece, _ = distorted_piece(pages[a], pages[b], settings.schedule.crop, rng, augment)
        turn = int(rng.integers(4))
        images.append(np.rot90(piece, turn).astype(np.float32))
        turns.append(turn)
    ink = 1 - np.stack(images)[:, None] / np.float32(255)
    inked = np.stack([with_ink(image[0]) for image in ink])
    return torch.from_numpy(ink), torch.tensor(turns), torch.from_numpy(inked)


def orientation_loss(scores: Tensor, turns: Tensor, inked: Tensor) -> Tensor:
    """Cross entropy over cells with ink.

    Args:
        scores: [B, 4, h, w]; turns: [B]; inked: bool [B, h, w].
    """
    truth = turns[:, None, None].expand(inked.shape)
    each = nn.functional.cross_entropy(scores, truth, reduction="none", label_smoothing=_SMOOTHING)
    return (each * inked).sum() / inked.sum().clamp(min=1)


def _start(settings: OrientationTrainSettings) -> _Run:
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    pages = load_layout(prepare_layout(settings))
    for number, grey in enumerate(latin_pages(settings) if settings.latin_pages else ()):
        split = "dev" if number % 20 == 0 else "train"
        pages.append(LayoutPage(SYNTHETIC_LATIN, f"{SYNTHETIC_LATIN}-{number}", split, grey, ()))
    torch.manual_seed(settings.run.seed)
    network = OrientationNetwork(settings.channels)
    schedule = settings.schedule
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=schedule.peak, betas=(0.9, 0.99), weight_decay=schedule.weight_decay
    )
    run = _Run(settings, pages, network, optimiser)
    run.average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    if (settings.run.folder / CHECKPOINT).exists():
        _resume(run)
    return run


def _step(run: _Run, images: Tensor, turns: Tensor, inked: Tensor) -> float:
    """One optimiser step. Returns the loss."""
    schedule = run.settings.schedule
    for group in run.optimiser.param_groups:
        group["lr"] = one_cycle(run.step / schedule.steps, schedule.peak, schedule.warmup)
    run.network.train()
    loss = orientation_loss(run.network(images), turns, inked)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(run.network.parameters(), schedule.clip)
    run.optimiser.step()
    update_average(run.average, run.network.state_dict(), run.step, schedule.ema)
    return float(loss.detach())


def _export(run: _Run) -> dict[str, float]:
    """Write the averaged weights and their card, with the rates on held-out pages as the pipeline sees them."""
    settings = run.settings
    network = OrientationNetwork(settings.channels)
    network.load_state_dict(run.average)
    weights = weights_path(settings)
    write_onnx(network, weights)
    rates = measure_pages(weights, [p for p in run.pages if p.split == "dev"])
    more = []
    if settings.latin_pages and settings.latin_share > 0:
        source = "words of the corpora; letters set in free fonts"
        more.append(DataSource("synthetic Latin pages", source, "as the corpora's"))
    figures = tuple(
        Figure(f"turns found {name}", round(rate, 4), pages) for name, (rate, pages) in rates.items()
    )
    notes = f"Averaged weights after {run.step} steps; figures are of whole held-out pages turned by all four quarters."
    training = training_of("orientation", settings, documents_held_out(settings.corpora))
    write_page_card(settings, KIND, network, figures, notes, training, more)
    return {name: rate for name, (rate, _) in rates.items()}


def measure_pages(weights: Path, pages: list[LayoutPage]) -> dict[str, tuple[float, int]]:
    """By corpus the share of turns found right and surely, of pages turned by all four quarters, and how many those are."""
    network = load_network(weights.read_bytes(), weights.name)
    hits: dict[str, list[bool]] = {}
    for page in pages:
        for turn in range(4):
            found = estimate_orientation(np.ascontiguousarray(np.rot90(page.grey, turn)), network)
            right = found.turn_deg == 90 * turn and (found.sure or turn == 0)
            hits.setdefault(page.corpus, []).append(right)
    for name, each in hits.items():
        logger.info("held out: %s %.3f of %d", name, np.mean(each), len(each))
    return {name: (float(np.mean(each)), len(each)) for name, each in hits.items()}


def _save(run: _Run) -> None:
    state = {
        "channels": run.network.channels,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "step": run.step,
    }
    save_checkpoint(run.settings.run.folder, state)


def _resume(run: _Run) -> None:
    folder = run.settings.run.folder
    state = load_checkpoint(folder, ("channels", "network", "average", "optimiser", "step"))
    if tuple(state["channels"]) != run.network.channels:
        raise other_run(folder, "another network")
    run.network.load_state_dict(state["network"])
    run.average = state["average"]
    run.optimiser.load_state_dict(state["optimiser"])
    run.step = int(state["step"])
