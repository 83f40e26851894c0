"""How far a run is, how fast it learns there, and when it has learnt enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ocr_core.training.crnn.config import ScheduleSettings
from ocr_core.training.optimisation import one_cycle

_THRESHOLD = 1e-4
"""Share by which a loss must fall to count as lower, as in PyTorch's ReduceLROnPlateau."""


@dataclass(slots=True)
class Progress:
    """How far a run is. `seconds` counts training only, over all its resumptions; `place` is in the epoch's plan.

    Attributes:
        batches: of the plan of the current epoch.
        best: lowest error rate so far; `stale` evaluations in a row were not lower.
        best_loss: lowest loss on held-out lines; `bad_epochs` in a row were not lower.
        factor: of the learning rate, where the schedule is `plateau`.
        stopped: early, for want of progress.
    """

    epoch: int = 0
    place: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    batches: int = 0
    stale: int = 0
    best_loss: float = math.inf
    bad_epochs: int = 0
    factor: float = 1.0
    stopped: bool = False


def fraction_done(progress: Progress, schedule: ScheduleSettings) -> float:
    """Share of the run that is done: by epochs, time or steps, whichever of them the schedule has first."""
    if progress.stopped:
        return 1.0
    if schedule.epochs is not None:
        return (progress.epoch + progress.place / max(progress.batches, 1)) / schedule.epochs
    if schedule.minutes is not None:
        return progress.seconds / (schedule.minutes * 60)
    return progress.step / schedule.steps


def rate_of(progress: Progress, schedule: ScheduleSettings) -> float:
    """The learning rate where the run is."""
    if schedule.kind == "plateau":
        return schedule.peak * progress.factor
    return one_cycle(fraction_done(progress, schedule), schedule.peak, schedule.warmup)


def take_loss(progress: Progress, loss: float, schedule: ScheduleSettings) -> None:
    """Note the loss on held-out lines after an epoch; lower the rate where it has stood for too long."""
    if loss < progress.best_loss * (1 - _THRESHOLD):
        progress.best_loss, progress.bad_epochs = loss, 0
    else:
        progress.bad_epochs += 1
    if progress.bad_epochs > schedule.plateau_epochs:
        progress.factor *= schedule.plateau_factor
        progress.bad_epochs = 0


def take_error(progress: Progress, error: float, schedule: ScheduleSettings) -> bool:
    """Note the error rate of an evaluation; stop the run where patience is at its end. Whether it is the lowest so far."""
    better = error < progress.best
    progress.stale = 0 if better else progress.stale + 1
    progress.best = min(error, progress.best)
    if schedule.patience and progress.stale >= schedule.patience:
        progress.stopped = True
    return better
