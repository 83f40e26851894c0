"""What the settings of all trainings share: one TOML file, every key known and bounded."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from ocr_core.errors import UsageError

CONFIGS = Path(__file__).parent / "configs"
REMEDY = "Correct the training configuration."
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Settings that nothing changes and that hold no key nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _config: str = PrivateAttr("")

    @property
    def config(self) -> str:
        """What `--config` names: the file they were read from, or the name of one that comes with Warraq; empty if none."""
        return self._config


class RunSettings(Settings):
    """Where a run lives and how it uses the machine.

    Attributes:
        workers: threads that each take a part of every batch, on the CPU. On a machine that others use too this wastes
            less than threads inside each operation, which wait for one another thousands of times a step.
        evaluate_minutes: time between two evaluations; where the schedule is `plateau`, every epoch ends with one instead.
    """

    folder: Path
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    precision: Literal["bf16", "fp32"] = "bf16"
    workers: int = Field(2, ge=1)
    seed: int = 1
    checkpoint_minutes: float = Field(4.0, gt=0)
    evaluate_minutes: float = Field(15.0, gt=0)
    evaluate_lines: int = Field(600, ge=1)


S = TypeVar("S", bound=Settings)


def load_settings(kind: type[S], path: Path, *, data: Path | None = None, folder: Path | None = None) -> S:
    """Read a TOML file of `kind`.

    Args:
        path: the file; or the name of one that comes with Warraq, such as `crnn-latin`.
        data: in place of `data` of the file, the folder that the paths of corpora start from.
        folder: in place of `run.folder` of the file.

    Raises:
        UsageError: the file is missing, not TOML, or has unknown keys or values out of bounds.
    """
    path = packaged(path)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        if data is not None:
            values["data"] = data
        if folder is not None:
            values.setdefault("run", {})["folder"] = folder
        settings = kind.model_validate(values)
    except FileNotFoundError:
        names = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise UsageError(
            f"There is no configuration {path}.",
            remedy=f"Name a TOML file, or one that comes with Warraq: {names}.",
        ) from None
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise UsageError(f"{path}: {error}", remedy=REMEDY) from error
    settings._config = path.stem if path.parent == CONFIGS else path.name
    return settings


def packaged(path: Path) -> Path:
    """The configuration of this name that comes with Warraq, where `path` is such a name and no file."""
    own = CONFIGS / f"{path}.toml"
    return own if len(path.parts) == 1 and not path.suffix and not path.exists() and own.is_file() else path
