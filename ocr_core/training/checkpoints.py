"""The file that a training goes on from after any interruption."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from ocr_core.errors import ModelError
from ocr_core.models.pickled import open_pickled

CHECKPOINT = "checkpoint.pt"
_REMEDY = "Take it away to begin the run anew, or restore it from a copy."


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state of a run into its folder, whole or not at all."""
    path = folder / CHECKPOINT
    torch.save(dict(state), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load_checkpoint(
    folder: Path, parts: Collection[str], device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """The state of the run in a folder, which has these parts.

    Raises:
        ModelError: the file cannot be read, holds more than tensors and tables, or is of another kind of run.
    """
    path = folder / CHECKPOINT
    state = open_pickled(path, remedy=_REMEDY, device=str(device))
    if not isinstance(state, dict) or not set(parts) <= set(state):
        raise ModelError(f"{path} is not the checkpoint of a run", remedy=_REMEDY)
    return state


def other_run(folder: Path, what: str) -> ModelError:
    """The error that a checkpoint belongs to a run of other settings: it is of `what`."""
    return ModelError(
        f"{folder / CHECKPOINT} is of {what}",
        remedy="Choose another run folder, or take up the configuration that the run began with.",
    )
