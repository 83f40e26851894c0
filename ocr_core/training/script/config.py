"""Settings of the training of the script network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.training.data.corpora import TruthSettings
from ocr_core.training.settings import Settings


class ScriptCorpusSettings(TruthSettings):
    """Latin lines.

    Attributes:
        format: `pages` (PAGE or ALTO beside images) or `parquet`.
        hand: what its lines are, unless an ALTO file tags them as handwritten, typewritten or printed.
        every: of a Parquet file one line in so many is taken.
    """

    format: Literal["pages", "parquet"] = "pages"
    hand: Literal["written", "printed", "unknown"] = "unknown"
    every: int = Field(1, ge=1)


class ScriptSyntheticSettings(Settings):
    """Lines that are drawn.

    Attributes:
        text: Arabic text, one line of a manuscript a line; one in twenty is kept for measuring.
        fonts: folder with fonts, searched with all below it.
        held_fonts: how the file names begin of Arabic fonts that are kept for measuring.
        arabic, latin, other, none: how many lines of Arabic, Latin and other scripts, and without letters.
        redrawn: how many real Latin lines are drawn again with other pens on other paper.
        source, licence: of the text, for the model card.
    """

    text: Path
    fonts: Path = Path("/usr/share/fonts")
    held_fonts: tuple[str, ...] = ()
    arabic: int = Field(9000, ge=1)
    latin: int = Field(3000, ge=1)
    redrawn: int = Field(4500, ge=1)
    other: int = Field(1500, ge=1)
    none: int = Field(3000, ge=1)
    source: str = ""
    licence: str = ""


class ScriptScheduleSettings(Settings):
    """Length, batch and learning rate; `batch` is in windows."""

    steps: int = Field(4000, ge=1)
    batch: int = Field(128, ge=4)
    peak: float = Field(2e-3, gt=0, le=0.1)


class ScriptRunSettings(Settings):
    """Where a run lives. `workers`: processes that draw lines, and threads of the training."""

    folder: Path
    workers: int = Field(2, ge=1, le=256)
    seed: int = 7
    checkpoint_minutes: float = Field(4.0, gt=0)


class ScriptTrainSettings(Settings):
    """Everything `train_script` needs. `data` is the folder that paths start from."""

    name: str = "script-router"
    version: str = "1"
    data: Path
    corpora: tuple[ScriptCorpusSettings, ...] = Field(min_length=1)
    synthetic: ScriptSyntheticSettings
    schedule: ScriptScheduleSettings = ScriptScheduleSettings()
    run: ScriptRunSettings
