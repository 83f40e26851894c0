"""Opening files of `torch.save` without running anything in them."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ocr_core.errors import ModelError


def open_pickled(path: Path, *, remedy: str, known: Sequence[Any] = (), device: str = "cpu") -> Any:
    """The values of a file of `torch.save`: tensors, numbers, texts, lists and dictionaries of them.

    Args:
        remedy: of the error.
        known: classes to let in besides, as for `torch.serialization.safe_globals`.

    Raises:
        ModelError: the file is missing or cut short, or holds anything else.
    """
    import torch

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(known)):
            warnings.simplefilter("ignore")  # about old and new forms of pickles
            return torch.load(path, map_location=device, weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        AttributeError,
    ) as error:
        raise ModelError(
            f"{path.name} is cut short, or is more than tensors and tables, and was not opened: {_reason(error)}",
            remedy=remedy,
        ) from error


def _reason(error: Exception) -> str:
    """The telling sentence of PyTorch's message, the rest of which is advice to open the file all the same."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if "nsupported" in line), lines[0]).partition(". ")[0]
