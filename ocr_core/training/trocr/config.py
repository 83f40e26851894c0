"""Settings of a TrOCR fine-tuning: one TOML file, every key known and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.recognizers.trocr.images import Step
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.settings import Settings


class TrocrScheduleSettings(Settings):
    """Length and learning rate; the defaults are those of the published project.

    Attributes:
        rate: peak of the learning rate, reached after `warmup` of all steps and falling to nothing in a straight line.
        batch: lines of a step; 0: as many as the memory takes, tried once before the first step.
        patience: stop after so many epochs in a row without a lower character error rate; 0: never.
        samples_per_epoch: lines of an epoch, from the corpora by their shares; 0: every line once.
        evaluate_lines: held-out lines read after each epoch, at most.
    """

    epochs: int = Field(10, ge=1)
    rate: float = Field(5e-5, gt=0, le=0.1)
    warmup: float = Field(0.1, ge=0, le=1)
    batch: int = Field(0, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    patience: int = Field(3, ge=0)
    samples_per_epoch: int = Field(0, ge=0)
    evaluate_lines: int = Field(500, ge=1)


class TrocrRunSettings(Settings):
    """Where a run lives and how it uses the machine.

    Attributes:
        precision: `auto` is bf16 on a GPU and fp32 on a processor.
        checkpointing: compute activations again on the way back instead of keeping them: a third more time, much less
            memory.
    """

    folder: Path
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    checkpointing: bool = True
    threads: int = Field(0, ge=0)
    seed: int = 1


class TrocrSettings(Settings):
    """Everything `train_trocr` needs.

    Attributes:
        init: what training begins with: the name of a pulled model, or a folder of kind VisionEncoderDecoder.
        data: the folder that the corpora's paths start from.
        steps: of preparation, see `recognizers.trocr.images.STEPS`; the model remembers them.
        augment: strength of perspective and elastic distortion, 0 for none.
    """

    name: str = "trocr-tuned"
    version: str = "1"
    init: str = "trocr-base-handwritten"
    data: Path
    corpora: tuple[CorpusSettings, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = ()
    augment: float = Field(1.0, ge=0, le=3)
    schedule: TrocrScheduleSettings = TrocrScheduleSettings()
    run: TrocrRunSettings
