"""Settings of a training run of the line finder: one TOML file, every key known and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ocr_core.training.data.corpora import TruthSettings
from ocr_core.training.settings import RunSettings, Settings, Share


class SyntheticSettings(Settings):
    """Synthetic Arabic pages: real layouts (PAGE XML without pictures) filled with text set in fonts.

    Attributes:
        layouts: folders of PAGE XML, relative to `data`; none: no synthetic pages.
        text: file of lines of Arabic, relative to `data`.
        fonts: folder below which fonts are looked for; those with Arabic letters that join are used.
        pages: how many are made.
        share: of the samples, relative to the corpora.
        licence, source: for the model card.
    """

    layouts: tuple[Path, ...] = ()
    text: Path = Path("arabic.txt")
    fonts: Path = Path("/usr/share/fonts")
    pages: int = Field(200, ge=1)
    share: float = Field(0.25, ge=0)
    licence: str = ""
    source: str = ""


class LayoutNetworkSettings(Settings):
    """Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the page's resolution."""

    channels: tuple[int, int, int, int, int] = (16, 32, 48, 64, 96)


class LayoutAugmentSettings(Settings):
    """How far training pages are distorted.

    Attributes:
        turn_deg: greatest rotation either way.
        scale: least and greatest enlargement of the working resolution.
        mirror: share of samples that are mirrored left to right.
        wear: strength of stains, show-through, rules, noise and blur: 0 none, 1 as much as leaves lines legible.
    """

    turn_deg: float = Field(10.0, ge=0, le=45)
    scale: tuple[Annotated[float, Field(gt=0.1, lt=10)], Annotated[float, Field(gt=0.1, lt=10)]] = (0.6, 1.6)
    mirror: Share = 0.25
    wear: Share = 1.0


class LayoutScheduleSettings(Settings):
    """Length and learning rate: one cycle over `minutes` of training, or over `steps` where `minutes` is not set.

    Attributes:
        crop: side in pixels of the square pieces of pages that make a batch; a multiple of 32.
        batch: pieces in a batch.
    """

    minutes: float | None = Field(None, gt=0)
    steps: int = Field(4000, ge=1)
    crop: int = Field(640, ge=64, le=2048, multiple_of=32)
    batch: int = Field(4, ge=1)
    peak: float = Field(3e-3, gt=0, le=0.1)
    warmup: Share = 0.05
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(5.0, gt=0)
    ema: float = Field(0.998, ge=0, lt=1)


class LayoutCorpus(TruthSettings):
    """A corpus of whole pages: PAGE or ALTO files beside their images.

    Attributes:
        share: of the pieces of pages in a batch, relative to the other corpora.
    """

    share: float = Field(1.0, ge=0)


class PageTrainSettings(Settings):
    """What a training on whole pages needs. `data` is the folder that corpora's paths start from."""

    name: str
    version: str = "1"
    data: Path
    corpora: tuple[LayoutCorpus, ...] = Field(min_length=1)
    synthetic: SyntheticSettings = SyntheticSettings()
    augment: LayoutAugmentSettings = LayoutAugmentSettings()
    schedule: LayoutScheduleSettings = LayoutScheduleSettings()
    run: RunSettings


class LayoutTrainSettings(PageTrainSettings):
    """Everything `train_layout` needs."""

    name: str = "layout"
    network: LayoutNetworkSettings = LayoutNetworkSettings()


class OrientationTrainSettings(PageTrainSettings):
    """Everything `train_orientation` needs: no pages are mirrored, whatever `augment` says.

    Attributes:
        channels: of the network at 1/2, 1/4, 1/8 and 1/16 of the piece.
        latin_pages: how many pages of print and typescript are set in fonts, with the corpora's words.
        latin_share: of the samples, relative to the corpora.
    """

    name: str = "orientation"
    channels: tuple[int, int, int, int] = (16, 24, 40, 64)
    latin_pages: int = Field(0, ge=0)
    latin_share: float = Field(0.3, ge=0)
