"""Taking over the checkpoint as it was published: a pickle with `model_state_dict`, opened without running anything in it.

Its key names are not known for sure, so tensors are matched by shape, in the order of the file among equals; its character
table is looked for under any name. What does not fit to the last tensor is refused.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ocr_core.errors import ModelError
from ocr_core.models.pickled import open_pickled
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.published.network import CLASSES, PublishedCrnn

_REMEDY = (
    "Take best_model.pth from where it was published once more: `warraq models pull crnn-published --force`."
)
_TABLE_REMEDY = "Write the 74 characters, in the order of the outputs, into a text file: --characters FILE."
_BLANKS = frozenset({"", "<blank>", "[blank]", "<BLANK>", "[BLANK]", "blank", "ε", "∅"})
_FEWEST = 10
"""Entries that make a list or a dictionary worth looking at as a character table."""
_NORM = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published checkpoint, its outputs in the order of `charset`, blank first. `epoch`, `val_cer` where it tells them."""

    network: PublishedCrnn
    charset: Charset
    epoch: int | None
    val_cer: float | None


class _Foreign:
    """Stands in for a class of the training notebook, so that its attributes can be looked at; it has no code."""


def read_checkpoint(path: Path, characters: str | None = None) -> Checkpoint:
    """Read `best_model.pth`.

    Args:
        characters: the 74 characters, class 1 first, where the file has no table of its own.

    Raises:
        ModelError: the file is cut short, is not a checkpoint, would run code, or has not exactly the tensors and the 74
            characters of the published network.
    """
    values = _opened(path)
    state = values.get("model_state_dict")
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ModelError(f"{path.name} has no model_state_dict of tensors", remedy=_REMEDY)
    network = PublishedCrnn()
    _fill(network, state, path.name)
    if characters is not None:
        table, blank = list(characters), 0
    else:
        table, blank = _table(values, path.name)
    if len(table) != CLASSES - 1:
        raise ModelError(
            f"A table of {len(table)} characters; the published network has {CLASSES - 1}",
            remedy=_TABLE_REMEDY,
        )
    charset = Charset("".join(table))
    with torch.no_grad():
        order = [blank, *(i for i in range(CLASSES) if i != blank)]
        network.fc.weight.copy_(network.fc.weight[order])
        network.fc.bias.copy_(network.fc.bias[order])
    return Checkpoint(
        network.eval(), charset, _number(values.get("epoch"), int), _number(values.get("val_cer"), float)
    )


def _opened(path: Path) -> dict[str, Any]:
    """The outer dict of a checkpoint. Numbers of NumPy are let in; classes of a notebook become empty stand-ins."""
    scalar = np.float64(0).__reduce__()[0]
    known: list[Any] = [np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType]
    known += [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    if zipfile.is_zipfile(path):
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError):
            names = []  # damaged: opening it says so
        known += [(_Foreign, name) for name in names if name.startswith("__main__.")]
    values = open_pickled(path, remedy=_REMEDY, known=known)
    if not isinstance(values, dict):
        raise ModelError(f"{path.name} is not a dictionary with model_state_dict", remedy=_REMEDY)
    return values


def _fill(network: PublishedCrnn, state: Mapping[str, Tensor], name: str) -> None:
    """Give each tensor of the network the next one of its shape in the file.

    Raises:
        ModelError: a tensor is missing or left over, is not finite, or stands where a norm's statistics should.
    """
    waiting: dict[tuple[int, ...], list[tuple[str, Tensor]]] = {}
    for key, tensor in state.items():
        waiting.setdefault(tuple(tensor.shape), []).append((str(key), tensor))
    problems: list[str] = []
    filled: dict[str, Tensor] = {}
    for own, tensor in network.state_dict().items():
        queue = waiting.get(tuple(tensor.shape), [])
        if not queue:
            problems.append(f"nothing of shape {list(tensor.shape)} left for {own}")
            continue
        key, found = queue.pop(0)
        endings = [next((e for e in _NORM if k.endswith(e)), "") for k in (own, key)]
        if endings[0] != endings[1]:
            problems.append(f"{key} stands where {own} should")
        elif found.is_floating_point() != tensor.is_floating_point() or not bool(torch.isfinite(found).all()):
            problems.append(f"{key} does not hold numbers of the kind of {own}")
        elif endings[0] == "running_var" and bool((found < 0).any()):
            problems.append(f"{key} is a negative variance")
        filled[own] = found
    problems += [f"{key} {list(t.shape)} is left over" for queue in waiting.values() for key, t in queue]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(
            f"{name} is not the published network: {'; '.join(problems[:3])}{more}", remedy=_REMEDY
        )
    network.load_state_dict(filled)


def _table(values: Mapping[str, Any], name: str) -> tuple[list[str], int]:
    """The character table, in the order of the outputs without the blank, and the output of the blank.

    Raises:
        ModelError: there is none, or there are several that differ.
    """
    found: dict[str, int | None] = {}
    for key, value in values.items():
        for table, blank in _tables(value) if not str(key).endswith("state_dict") else ():
            known = found.setdefault(table, blank)
            if blank is not None and known is not None and known != blank:
                raise ModelError(f"{name} has tables that differ in the blank's place", remedy=_TABLE_REMEDY)
            found[table] = known if blank is None else blank
    whole = [table for table in found if len(table) == CLASSES - 1] or list(found)
    if not whole:
        raise ModelError(f"{name} has no character table", remedy=_TABLE_REMEDY)
    if len(whole) > 1:
        raise ModelError(f"{name} has {len(whole)} character tables that differ", remedy=_TABLE_REMEDY)
    return list(whole[0]), found[whole[0]] or 0


def _tables(value: Any, depth: int = 0) -> Iterator[tuple[str, int | None]]:
    """Tables in a value: text, list, character by output or output by character; the blank's output where it shows."""
    if isinstance(value, _Foreign):
        value = vars(value)
    if isinstance(value, str | list | tuple):
        if len(value) >= _FEWEST and all(isinstance(v, str) for v in value):
            if all(len(v) == 1 and v not in _BLANKS for v in value):
                yield "".join(value), None
            else:
                yield from _indexed(dict(enumerate(value)))
    elif isinstance(value, Mapping):
        keys, entries = list(value), list(value.values())
        if len(keys) >= _FEWEST and _all(keys, str) and _all(entries, int):
            yield from _indexed(dict(zip(entries, keys, strict=True)))
        elif len(keys) >= _FEWEST and _all(keys, int) and _all(entries, str):
            yield from _indexed(dict(value))
        elif depth < 3:
            for inner in entries:
                yield from _tables(inner, depth + 1)


def _indexed(entries: Mapping[int, str]) -> Iterator[tuple[str, int]]:
    """Entries by output. The blank is the entry that is no character, else the output that no entry takes."""
    ordered = sorted(entries)
    named = [i for i in ordered if entries[i] in _BLANKS]
    characters = [entries[i] for i in ordered if i not in named]
    if len(named) <= 1 and all(len(c) == 1 for c in characters):
        free = 0 if ordered[0] == 1 else len(ordered)
        yield "".join(characters), named[0] if named else free


def _all(values: list[Any], kind: type) -> bool:
    return all(isinstance(v, kind) for v in values)


def _number(value: Any, kind: type) -> Any:
    try:
        return None if value is None else kind(value)
    except (TypeError, ValueError):
        return None
