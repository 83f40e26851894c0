"""Model folders as transformers writes them, held to more than transformers holds them to: no pickles, no gaps.

transformers only warns about tensors that it did not find, and fills them at random; here that is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ocr_core.errors import ModelError

WEIGHTS_FILE = "model.safetensors"
STRICT: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""For every `from_pretrained`: no network, no code of the folder."""


def model_type(folder: Path) -> str:
    """What kind of model a folder says it holds; empty where it does not say."""
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def read_config(folder: Path, kinds: Collection[str], remedy: str) -> dict[str, Any]:
    """The values of `config.json`.

    Raises:
        ModelError: there is none, or the folder holds a model of no such kind.
    """
    try:
        values: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        kind = values.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder} is no model folder: {error}", remedy=remedy) from error
    if kind not in kinds:
        raise ModelError(f"{folder} holds a model of type {kind}, not {' or '.join(kinds)}", remedy=remedy)
    return values


def weight_files(folder: Path, remedy: str) -> list[Path]:
    """The safetensors files that hold a folder's weights, one or several.

    Raises:
        ModelError: there are none, only pickles, or one of several is missing.
    """
    index = folder / f"{WEIGHTS_FILE}.index.json"
    if (folder / WEIGHTS_FILE).exists():
        return [folder / WEIGHTS_FILE]
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelError(f"{index} is damaged: {error!r}", remedy=remedy) from error
        missing = [n for n in names if Path(n).name != n or not (folder / n).is_file()]
        if missing or not names:
            raise ModelError(f"{folder} lacks {', '.join(missing) or 'its weights'}", remedy=remedy)
        return [folder / name for name in names]
    if pickles := sorted(p.name for p in folder.glob("*.bin")):
        raise ModelError(
            f"{folder} holds its weights as a pickle ({', '.join(pickles)}), which can run whatever its author wants",
            remedy="Take a revision with model.safetensors; " + remedy[0].lower() + remedy[1:],
        )
    raise ModelError(f"{folder} has no {WEIGHTS_FILE}", remedy=remedy)


def refuse_gaps(
    folder: Path, info: dict[str, Any], remedy: str, unused: re.Pattern[str] | None = None
) -> None:
    """Refuse what transformers would only warn about.

    Args:
        info: what `from_pretrained` tells with `output_loading_info`.
        unused: names of tensors that no reading depends on.

    Raises:
        ModelError: tensors are missing, are too many, or have another shape than the network's.
    """
    for what, key in (
        ("lacks tensors", "missing_keys"),
        ("has tensors of another network", "unexpected_keys"),
        ("has tensors of another size", "mismatched_keys"),
    ):
        names = sorted(str(k[0] if isinstance(k, tuple) else k) for k in info[key])
        names = [name for name in names if not (unused and unused.search(name))]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelError(f"{folder} {what}: {', '.join(names[:3])}{more}", remedy=remedy)


def first_line(error: Exception) -> str:
    """What went wrong, without the pages that libraries write about it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
