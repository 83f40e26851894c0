"""A run of the training of a CRNN: what it consists of, its beginning, its checkpoints, what is kept of it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from ocr_core.errors import NothingToDo
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint, other_run, save_checkpoint
from ocr_core.training.crnn.batches import LineMaker
from ocr_core.training.crnn.compose import Composer
from ocr_core.training.crnn.config import ScheduleSettings, TrainSettings
from ocr_core.training.crnn.cuts import CUTS, find_cuts, load_cuts, save_cuts
from ocr_core.training.crnn.gradients import Workers
from ocr_core.training.crnn.networks import LEAST, LineNetwork, begin, same_shape, shape_of
from ocr_core.training.crnn.schedule import Progress
from ocr_core.training.crnn.splice import Splicer
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.synthetic.prose import read_prose

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """Everything that a training has in hand. `average` are the weights that are kept, `initial` those it began with."""

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


def start_run(settings: TrainSettings) -> Run:
    """A new run, or the one of the folder where it stood when it was last saved. Raises as `train_crnn` does."""
    folder = settings.run.folder
    folder.mkdir(parents=True, exist_ok=True)
    cache = LineCache(prepare(settings, drawn=settings.order == "drawn", seed=settings.run.seed))
    texts = [cache.table["text"][r] for r in cache.rows("train")]
    torch.manual_seed(settings.run.seed)
    if not settings.network.init and max(Counter("".join(texts)).values(), default=0) < LEAST:
        raise _nothing(cache)
    network, charset = begin(settings.network, texts)
    network = placed(network, settings.run.device)
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    covered = sum(charset.covers(text) for text in texts)
    if not covered:
        raise _nothing(cache)
    if not cache.rows("dev"):
        logger.warning("no document is held out: nothing will tell how well the network reads")
    optimiser = _optimiser(network, settings.schedule)
    initial = {k: v.clone() for k, v in average.items()}
    run = Run(settings, cache, charset, network, average, initial, optimiser, Workers(network, settings))
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


def save_run(run: Run) -> None:
    """Write the checkpoint from which the run goes on as if it had never stopped."""
    state = {
        "shape": shape_of(run.network),
        "characters": run.charset.characters,
        "network": run.network.state_dict(),
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "progress": asdict(run.progress),
    }
    save_checkpoint(run.settings.run.folder, state)


def kept_network(run: Run) -> LineNetwork:
    """The averaged weights, with the share that is retained of those that the run began with, ready to read."""
    retained = run.settings.network.retain
    weights = {
        name: value.float().lerp(run.initial[name].float(), retained) if value.is_floating_point() else value
        for name, value in run.average.items()
    }
    network = same_shape(run.network)
    network.load_state_dict(weights)
    return network.eval()


def _maker(run: Run) -> LineMaker:
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


def placed(network: LineNetwork, device: str) -> LineNetwork:
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


def _resume(run: Run) -> None:
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
