"""How a Qwen-VL model is asked. Everything here that can change text is part of the engine's stamp."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME: Final = "qwen-vl-arabic"

PromptName = Literal["card", "training"]
PROMPTS: Final[dict[PromptName, str]] = {
    # As the model's card writes it, ذيادة for زيادة included: the model has seen these very words.
    "card": "ارجو استخراج النص العربي كاملاً من هذه الصورة من البداية الى النهاية بدون اي اختصار ودون ذيادة او حذف. "
    "اقرأ كل المحتوى النصي الموجود في الصورة:",
    "training": "ما هو النص العربي في هذه الصورة؟",
}
"""The two questions that the published model knows. Both say which language it is: a model asked to find out guesses."""


class QwenSettings(BaseModel):
    """Which model reads, and how. Areas are in pixels of the picture that the model sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(NAME, min_length=1, description="a pulled model, or the folder of a Qwen-VL model")
    mode: Literal["page", "line"] = Field(
        "page", description="whole pages, or line by line as they were found"
    )
    prompt: PromptName = "card"
    page_pixels: int = Field(1_440_000, ge=3136, le=16_000_000, description="area a page is reduced to")
    line_pixels: int = Field(200_704, ge=3136, le=4_000_000, description="area a line is reduced to")
    page_tokens: int = Field(1024, ge=1, le=8192, description="most tokens of a page's text")
    line_tokens: int = Field(128, ge=1, le=2048, description="most tokens of a line's text")
    retries: int = Field(
        2, ge=0, le=4, description="how often a text that loops, is cut off or broken is read in another way"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="numbers of the network; auto: bfloat16 on a GPU, float32 on a CPU"
    )
    batch_tokens: int = Field(
        0, ge=0, le=4_000_000, description="tokens of a batch, padding included; 0: what fits the device"
    )
    backend: Literal["transformers", "vllm"] = Field(
        "transformers", description="what runs the model; vllm needs a GPU and `pip install 'warraq[vllm]'`"
    )
    gpu_share: float = Field(
        0.85, gt=0, le=1, description="of a GPU's memory that vllm takes; transformers takes what it needs"
    )
    static_cache: bool = Field(
        False,
        description="keep a cache of fixed size: on a GPU each step is then compiled once a shape and starts at once",
    )
    batch_rows: int = Field(256, ge=1, le=1024, description="most pictures of a batch")

    def stamp_settings(self) -> tuple[tuple[str, str], ...]:
        """What can change text, sorted. Batches are left out: they change the last bit of a probability, in bfloat16 now and
        then a letter, and would make whole libraries stale."""
        used = (
            "mode",
            "prompt",
            "page_pixels",
            "line_pixels",
            "page_tokens",
            "line_tokens",
            "retries",
            "dtype",
        )
        values = {name: str(getattr(self, name)) for name in used}
        values |= {"decoding": "greedy", "normalisation": "nfc"}
        if self.mode == "page":  # how pictures of pages are made: straight, the pages of a spread apart
            values["pictures"] = "2"
        if self.backend != "transformers":  # its numbers are rounded otherwise
            values["backend"] = self.backend
        return tuple(sorted(values.items()))
