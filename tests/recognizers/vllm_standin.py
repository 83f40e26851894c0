"""A module in the place of vLLM, which needs a GPU: its documented offline interface (0.22) over the model of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ocr_core.recognizers.qwen.file import load_folder
from ocr_core.recognizers.qwen.generate import generate
from ocr_core.recognizers.qwen.inputs import Request, conversation, size_for
from ocr_core.recognizers.qwen.settings import PROMPTS
from tests.recognizers.qwen_tiny import inputs_of


@dataclass
class RepetitionDetectionParams:
    max_pattern_size: int = 0
    min_pattern_size: int = 0
    min_count: int = 0


@dataclass
class SamplingParams:
    temperature: float = 1.0
    seed: int | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    stop_token_ids: list[int] | None = None
    detokenize: bool = True
    repetition_detection: RepetitionDetectionParams | None = None


@dataclass
class Logprob:
    logprob: float


@dataclass
class CompletionOutput:
    token_ids: list[int]
    logprobs: list[dict[int, Logprob]]
    finish_reason: str


@dataclass
class RequestOutput:
    outputs: list[CompletionOutput]


class LLM:
    """Reads each prompt by itself; a text has the token that ended it, and its probability."""

    last: LLM | None = None

    def __init__(
        self,
        model: str,
        *,
        dtype: str,
        load_format: str,
        trust_remote_code: bool,
        generation_config: str,
        limit_mm_per_prompt: dict[str, int],
        mm_processor_kwargs: dict[str, int],
        max_model_len: int,
        max_num_seqs: int,
        gpu_memory_utilization: float,
        seed: int,
    ) -> None:
        assert load_format == "safetensors" and not trust_remote_code and generation_config == "vllm"
        assert limit_mm_per_prompt == {"image": 1, "video": 0}
        self.dtype, self.share, self.length = dtype, gpu_memory_utilization, max_model_len
        self.pixels = mm_processor_kwargs
        self.loaded = load_folder(Path(model))
        self.asked: list[SamplingParams] = []
        LLM.last = self

    def generate(
        self, prompts: Sequence[dict[str, Any]], sampling_params: Sequence[SamplingParams], *, use_tqdm: bool
    ) -> list[RequestOutput]:
        assert not use_tqdm
        return [self._one(p, s) for p, s in zip(prompts, sampling_params, strict=True)]

    def _one(self, prompt: dict[str, Any], params: SamplingParams) -> RequestOutput:
        picture = prompt["multi_modal_data"]["image"]
        if picture.size[0] > 2000:
            raise ValueError("no such picture")
        self.asked.append(params)
        [name] = [n for n in PROMPTS if conversation(self.loaded.processor, n) == prompt["prompt"]]
        assert picture.mode == "RGB" and prompt["prompt"].count("<|image_pad|>") == 1
        grey = np.asarray(picture)[..., 0]
        most = self.pixels["max_pixels"]
        assert size_for(grey.shape, self.loaded.factor, most) == grey.shape  # nothing is scaled again
        request = Request(grey, name, most, params.max_tokens or 16)
        inputs = inputs_of(self.loaded, [request])
        assert inputs["input_ids"].shape[1] + request.new_tokens <= self.length
        [text] = generate(self.loaded, inputs, request.new_tokens, params.temperature)
        tokens = list(text.tokens)
        if text.loops:  # it stops when it sees a loop, and tells all of it
            tokens += tokens[-1:] * (len(text.log_probs) - len(tokens) + 40)
        elif text.ended:
            tokens.append(min(params.stop_token_ids or ()))
        probs = [*text.log_probs, *[-0.1] * (len(tokens) - len(text.log_probs))]
        reason = "repetition" if text.loops else "stop" if text.ended else "length"
        steps = [{token: Logprob(p)} for token, p in zip(tokens, probs, strict=True)]
        return RequestOutput([CompletionOutput(tokens, steps, reason)])


def modules() -> dict[str, ModuleType]:
    """What `sys.modules` needs."""
    vllm, sampling = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    vllm.__dict__.update(LLM=LLM, SamplingParams=SamplingParams, sampling_params=sampling)
    sampling.__dict__.update(RepetitionDetectionParams=RepetitionDetectionParams)
    return {"vllm": vllm, "vllm.sampling_params": sampling}
