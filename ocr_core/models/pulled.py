"""Models that were pulled: where they lie on this machine, and whether they are still what they were.

The first pull records the revision and the sha256 of every file; from then on this record is what the files are held to,
so that nothing changes unnoticed between two runs.

    MODELS/NAME/pulled.json      revision and sha256 of the files as published
    MODELS/NAME/…                the files, or what a reader made of them, with a model card
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ocr_core.errors import ModelError
from ocr_core.models.card import ModelCard, read_card, sha256_of
from ocr_core.models.remote import REMOTE

MODELS_VARIABLE = "WARRAQ_MODELS"
RECORD = "pulled.json"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled: the revision (`local` for a file given by hand) and the sha256 of each file as published."""

    revision: str
    sha256: dict[str, str]


def models_folder() -> Path:
    """Where pulled models are kept: WARRAQ_MODELS, or `~/.cache/warraq/models`."""
    return Path(os.environ.get(MODELS_VARIABLE) or Path.home() / ".cache" / "warraq" / "models").expanduser()


def pulled(name: str, root: Path | None = None) -> Pulled | None:
    """The record of a model's first pull, None where it was never pulled.

    Raises:
        ModelError: the record is damaged.
    """
    path = (root or models_folder()) / name / RECORD
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        return Pulled(str(values["revision"]), {str(k): str(v) for k, v in values["sha256"].items()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"{path} is damaged: {error}", remedy=f"Remove {path.parent} and pull again."
        ) from error


def pulled_cards(root: Path | None = None) -> list[ModelCard]:
    """The cards of all models that were pulled, by name.

    Raises:
        ModelError: a card is damaged.
    """
    folder = root or models_folder()
    return [read_card(path) for name in sorted(REMOTE) if (path := folder / name / f"{name}.json").exists()]


def verified_folder(name: str, root: Path | None = None) -> Path:
    """The folder of a pulled model, every file just checked against the sha256 recorded when it was pulled.

    Raises:
        ModelError: it was not pulled, or a file is missing or is another than was pulled.
    """
    folder = (root or models_folder()) / name
    record = pulled(name, root)
    if record is None or not (folder / f"{name}.json").exists():
        raise ModelError(f"{name} is not on this machine", remedy=f"Run `warraq models pull {name}`.")
    for file, digest in record.sha256.items():
        path = folder / file
        if not path.exists() or sha256_of(path) != digest:
            raise ModelError(
                f"{path} is missing or is not the file that was pulled",
                remedy=f"Remove {folder} and run `warraq models pull {name}`.",
            )
    return folder
