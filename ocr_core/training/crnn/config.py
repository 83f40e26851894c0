"""Settings of the training of a CRNN."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.settings import RunSettings, Settings, Share, load_settings


class NetworkSettings(Settings):
    """Which network, its shape, and what it starts from.

    Attributes:
        kind: `compact` (see `recognizers.crnn.network`) or `published` (see `recognizers.published.network`), whose shape is
            fixed: of the values below it takes none but `height`, 128.
        init: start from these weights instead of from chance: the name of a packaged model of the same kind, or the
            path of a `.safetensors` file of `warraq train crnn`. They fix the shape, but for `channels` and `hidden`,
            which may be set to more (see `training.crnn.widen`); characters that they lack are added to their table.
        retain: share of `init` in the weights that are kept, the rest being the trained ones: their mean reads better than
            either (Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022).
        freeze: `cnn` keeps the convolutions as they are and trains what follows them.
    """

    kind: Literal["compact", "published"] = "compact"
    init: str = ""
    retain: Share = 0.0
    freeze: Literal["", "cnn"] = ""
    height: int = Field(48, ge=32, le=128, multiple_of=16)
    channels: tuple[int, int, int, int] = (32, 64, 128, 192)
    hidden: int = Field(192, ge=8, le=1024)
    layers: int = Field(2, ge=1, le=4)
    dropout: Share = 0.2


class AugmentSettings(Settings):
    """Strength of the distortions; all 0 shows every line as it is.

    Attributes:
        probability: share of the lines that are distorted.
        hide: share of a distorted line's columns that bands of ground cover, so that neighbours must tell a letter too.
        splice: share of the lines joined of pieces of others of their corpus (see `training.crnn.splice`), cut where
            `network.init` finds the spaces.
        compose: share of the lines of corpora with `one_hand` that are composed of words and letters of others (see
            `training.crnn.compose`), in sentences of `compose_text`; what is left may be spliced.
        compose_text: a text file, or a folder of them, relative to `data`.
    """

    geometry: float = Field(1.0, ge=0, le=3)
    ink: float = Field(1.0, ge=0, le=3)
    probability: Share = 0.9
    hide: float = Field(0.0, ge=0, le=0.5)
    splice: Share = 0.0
    compose: Share = 0.0
    compose_text: Path = Path()


class ScheduleSettings(Settings):
    """Length, optimiser and learning rate.

    Attributes:
        kind: `one-cycle` (up, then down along a cosine) or `plateau` (`peak` until the loss on held-out lines has not
            fallen for more than `plateau_epochs` epochs, then that times `plateau_factor`, and so on).
        optimiser: `adamw` or `adam` (which takes weight decay into the gradient).
        steps: optimiser steps of the whole run; the learning rate follows one cycle over them.
        epochs: if set, the length of the run instead of `steps`.
        minutes: if set (and no epochs), the cycle follows the time spent training instead, for a run that must end in time.
        patience: stop after so many evaluations in a row without a lower error rate; 0: never.
        samples_per_epoch: lines of an epoch; 0: every line once, whatever the shares.
        lines, pixels: most lines and most padded columns of a batch: long lines come in small batches.
        short_epochs, short_columns: at first only lines of up to so many columns: CTC finds the alignment of short lines
            much sooner, and they are cheap.
        auxiliary: weight of the loss of the auxiliary head.
        consistency: if set, every line is shown in two views, with other ink and other letters hidden, and this is the
            weight of their disagreement in the loss (see `training.crnn.gradients.disagreement`). A batch takes twice the
            time.
    """

    kind: Literal["one-cycle", "plateau"] = "one-cycle"
    optimiser: Literal["adamw", "adam"] = "adamw"
    steps: int = Field(10_000, ge=1)
    epochs: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    patience: int = Field(0, ge=0)
    plateau_epochs: int = Field(3, ge=0)
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    lines: int = Field(32, ge=1)
    pixels: int = Field(20_000, ge=64)
    samples_per_epoch: int = Field(6_000, ge=0)
    short_epochs: int = Field(0, ge=0)
    short_columns: int = Field(320, ge=16)
    peak: float = Field(2e-3, gt=0, le=0.1)
    warmup: Share = 0.08
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(5.0, gt=0)
    ema: float = Field(0.999, ge=0, lt=1)
    auxiliary: float = Field(0.3, ge=0, le=1)
    consistency: float = Field(0.0, ge=0, le=2)


class TrainSettings(Settings):
    """Everything `train_crnn` needs. `data` is the folder that corpora's paths start from.

    Attributes:
        order: in which the network writes a line: `reading`, or, for scripts that run right to left, `drawn` (from left
            to right as it stands, see `ocr_core.bidi`).
    """

    name: str = "crnn-latin"
    version: str = "1"
    order: Literal["reading", "drawn"] = "reading"
    data: Path
    corpora: tuple[CorpusSettings, ...] = Field(min_length=1)
    network: NetworkSettings = NetworkSettings()
    augment: AugmentSettings = AugmentSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    run: RunSettings

    @model_validator(mode="after")
    def _published_height(self) -> TrainSettings:
        if self.network.kind == "published" and self.network.height != 128:
            raise ValueError("the published network reads lines of height 128: set network.height = 128")
        return self

    @model_validator(mode="after")
    def _nothing_to_retain(self) -> TrainSettings:
        if self.network.retain and not self.network.init:
            raise ValueError("network.retain keeps a share of the weights to begin with: set network.init")
        return self

    @model_validator(mode="after")
    def _cuts_need_a_reader(self) -> TrainSettings:
        if self.cuts_lines and (self.network.kind != "compact" or not self.network.init):
            raise ValueError(
                "augment.splice and augment.compose cut lines where a trained compact network finds spaces and letters: "
                "set network.init"
            )
        return self

    @model_validator(mode="after")
    def _composing_needs_a_hand_and_a_text(self) -> TrainSettings:
        if self.augment.compose and not any(c.one_hand for c in self.corpora):
            raise ValueError("augment.compose takes lines of one writer: set one_hand = true of their corpus")
        if self.augment.compose and not self.augment.compose_text.name:
            raise ValueError("augment.compose needs a text: set augment.compose_text to its file")
        return self

    @property
    def cuts_lines(self) -> bool:
        """Whether lines are made of pieces of others."""
        return bool(self.augment.splice or self.augment.compose)


def load_config(path: Path, *, data: Path | None = None, folder: Path | None = None) -> TrainSettings:
    """The settings of a line reader's training: see `settings.load_settings`."""
    return load_settings(TrainSettings, path, data=data, folder=folder)
