"""Settings of a LoRA fine-tuning of a Qwen-VL model: one TOML file, every key known and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.recognizers.qwen.settings import NAME, PromptName
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.settings import Settings
from ocr_core.training.trocr.config import TrocrRunSettings, TrocrScheduleSettings

LANGUAGE_MODEL = r"model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"


class AdapterSettings(Settings):
    """The adapters.

    Attributes:
        layers: pattern of the whole names of the linear layers that get one. The usual ones are those of the language model:
            their short names alone would also hit the layers of the eyes.
        rank: of the learnt differences.
        alpha: the difference counts alpha / rank times.
    """

    layers: str = LANGUAGE_MODEL
    rank: int = Field(16, ge=1, le=512)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)


class QwenLoraSettings(Settings):
    """Everything `train_qwen_lora` needs.

    Attributes:
        init: what training begins with: the name of a pulled model, or the folder of a Qwen-VL model.
        data: the folder that the corpora's paths start from.
        learn: lines, the whole pages of corpora of PAGE and ALTO files, or both: what the model is to read later.
        prompt: the question that they are read with later, too.
        line_pixels, line_tokens, page_pixels, page_tokens: as in `QwenSettings`; longer pages are left out.
        page_batch: pages of a step, which are long; lines and pages are never in one step.
        pages_per_epoch: pages of an epoch; 0: every page once.
        augment: strength of perspective and elastic distortion, 0 for none.
    """

    name: str = "qwen-tuned"
    version: str = "1"
    init: str = NAME
    data: Path
    corpora: tuple[CorpusSettings, ...] = Field(min_length=1)
    learn: Literal["lines", "pages", "both"] = "lines"
    prompt: PromptName = "card"
    line_pixels: int = Field(200_704, ge=3136, le=4_000_000)
    line_tokens: int = Field(128, ge=1, le=2048)
    page_pixels: int = Field(1_440_000, ge=3136, le=16_000_000)
    page_tokens: int = Field(1024, ge=1, le=8192)
    page_batch: int = Field(1, ge=1)
    pages_per_epoch: int = Field(0, ge=0)
    augment: float = Field(0.5, ge=0, le=3)
    adapters: AdapterSettings = AdapterSettings()
    schedule: TrocrScheduleSettings = TrocrScheduleSettings(epochs=3, rate=2e-4, batch=8, patience=2)
    run: TrocrRunSettings
