"""Settings of a training run on isolated characters: one TOML file, every key known and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.training.settings import Settings


class GlyphSetSettings(Settings):
    """One set of labelled pictures.

    Attributes:
        path: NumPy archive (.npz) with `images` uint8 [N, rows, columns] and `labels` [N], relative to `data`; or with
            `labels`, a CSV file of square pictures, a line each, as AHCD is published.
        labels: CSV file of labels, a line each.
        first_class: class of the smallest label: 0 for digits, 10 for letters from alef on (see `glyphs.network.CLASSES`).
        first_label: the smallest label.
        transposed: rows and columns are exchanged in the file, as in the published AHCD.
        writer_pictures: a writer's pictures follow each other, so many of them; 0: writers are not known.
        held_out: writers, evenly from the whole set, that are held out; of a set without writers, that many pictures.
        held_out_each: of every other writer, so many pictures of each class are held out too: the published halves of AHCD
            part the pictures of each writer so, 8 to 2.
        share: of the pictures that an epoch sees.
        licence, source: for the model card.
    """

    name: str
    path: Path
    labels: Path | None = None
    first_class: int = Field(ge=0, le=37)
    first_label: int = 0
    transposed: bool = False
    writer_pictures: int = Field(0, ge=0)
    held_out: int = Field(0, ge=0)
    held_out_each: int = Field(0, ge=0)
    share: float = Field(1.0, gt=0, le=1)
    licence: str = ""
    source: str = ""


class GlyphScheduleSettings(Settings):
    """Length, optimiser and learning rate.

    Attributes:
        kind: `one-cycle` (AdamW, up and then down along a cosine) or `constant` (Adam).
        refit_epochs: then further epochs on all pictures, held-out ones too, falling from a tenth of `peak` to nothing.
            The figures of the model card are those from before.
        ema: of the exponential average of the weights, which is what is kept; 0: the weights themselves.
    """

    kind: Literal["one-cycle", "constant"] = "one-cycle"
    epochs: int = Field(30, ge=1)
    refit_epochs: int = Field(0, ge=0)
    batch: int = Field(64, ge=2)
    peak: float = Field(2e-3, gt=0, le=0.1)
    warmup: float = Field(0.1, ge=0, le=1)
    weight_decay: float = Field(0.02, ge=0)
    smoothing: float = Field(0.0, ge=0, lt=1)
    ema: float = Field(0.998, ge=0, lt=1)


class GlyphRunSettings(Settings):
    """Where a run lives and how it uses the machine."""

    folder: Path
    device: str = "cpu"
    precision: Literal["bf16", "fp32"] = "bf16"
    threads: int = Field(1, ge=1)
    seed: int = 1


class GlyphSettings(Settings):
    """Everything `train_glyphs` needs. `data` is the folder that the sets' paths start from; `augment` is the strength of
    the distortions, 0 for none."""

    name: str = "glyphs"
    version: str = "1"
    network: Literal["compact", "published"] = "compact"
    augment: float = Field(1.0, ge=0, le=3)
    data: Path
    sets: tuple[GlyphSetSettings, ...] = Field(min_length=1)
    schedule: GlyphScheduleSettings = GlyphScheduleSettings()
    run: GlyphRunSettings
