"""Texts from a Qwen-VL model that vLLM runs: it packs requests of any length together, step by step.

Optional: nothing here is imported unless `backend=vllm` asks for it. Written after vLLM's documentation of its offline API
(`LLM.generate` with `multi_modal_data`, `SamplingParams`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ocr_core.errors import MissingDependency, ModelError, UsageError
from ocr_core.recognizers.loops import LEAST, LONGEST, TIMES, loop_length
from ocr_core.recognizers.model_folder import first_line
from ocr_core.recognizers.qwen.batches import Batches
from ocr_core.recognizers.qwen.file import Preparation, load_preparation
from ocr_core.recognizers.qwen.generate import SEED, Generated
from ocr_core.recognizers.qwen.inputs import FEWEST_TOKENS, Request, conversation, scaled
from ocr_core.recognizers.qwen.settings import PROMPTS, QwenSettings

_ENVIRONMENT = {
    # The model lives and dies with this process: whoever ends it has the GPU back.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "HF_HUB_OFFLINE": "1",
}
"""Unless the user has it otherwise. Standard output is for data, and nothing here needs a network."""
_NO_BUDGET = 2**62
"""Tokens: vLLM itself decides what it works on at a time."""
_TEMPLATE_TOKENS = 64


class VllmWriter:
    """A model that vLLM holds, for one thread at a time: it is busy with all requests of a call."""

    def __init__(self, preparation: Preparation, model: Any, sampling: Any, repetition: Any) -> None:
        """Take a model. Make one with `load`.

        Args:
            model: vLLM's `LLM`.
            sampling, repetition: its classes `SamplingParams` and `RepetitionDetectionParams`.
        """
        self.tokenizer = preparation.tokenizer
        self._preparation = preparation
        self._model = model
        self._sampling = sampling
        # As `loops` has it: a shorter passage, repeated to at least six tokens, is a passage of this length too.
        self._repetition = repetition(
            max_pattern_size=LONGEST, min_pattern_size=-(-LEAST // TIMES), min_count=TIMES
        )
        # Only for its halving: one request that breaks a call must not take the others along.
        self._batches = Batches(_NO_BUDGET, 2**31, preparation.factor)
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(cls, folder: Path, settings: QwenSettings, device: str = "auto") -> VllmWriter:
        """Have vLLM load a folder, of which it takes safetensors only and no code.

        Raises:
            MissingDependency: vLLM is not installed.
            UsageError: it cannot use the device.
            ModelError: it cannot load the folder.
        """
        if device not in ("auto", "cuda", "cuda:0"):
            raise UsageError(
                f"vLLM takes the first GPU that it sees, not {device}",
                remedy="Choose a GPU with `warraq worker --device cuda:N` or CUDA_VISIBLE_DEVICES, "
                "or leave out --vlm backend=vllm.",
            )
        preparation = load_preparation(folder)
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            from vllm import LLM, SamplingParams
            from vllm.sampling_params import RepetitionDetectionParams
        except ImportError as error:
            raise MissingDependency(
                f"The backend vllm cannot be imported: {first_line(error)}",
                remedy="Install it as docs/workers.md says, or leave out --vlm backend=vllm.",
            ) from error
        try:
            model = LLM(**_arguments(folder, settings, preparation.factor))
        except Exception as error:
            raise ModelError(
                f"vLLM cannot load {folder}: {first_line(error)}",
                remedy="If it lacks memory, lower --vlm gpu_share or page_pixels; or leave out --vlm backend=vllm.",
            ) from error
        return cls(preparation, model, SamplingParams, RepetitionDetectionParams)

    def write(self, requests: Sequence[Request]) -> list[Any]:
        """See `Writer.write`."""
        return self._batches.run(requests, self.generate)

    def generate(self, requests: Sequence[Request]) -> list[Generated]:
        """A text for each request, in order."""
        own = self._preparation
        prompts = [
            {
                "prompt": conversation(own.processor, request.prompt),
                "multi_modal_data": {"image": Image.fromarray(scaled(request, own.factor)).convert("RGB")},
            }
            for request in requests
        ]
        parameters = [
            self._sampling(
                temperature=request.temperature, seed=SEED, max_tokens=request.new_tokens, logprobs=0,
                stop_token_ids=sorted(own.ends), detokenize=False, repetition_detection=self._repetition,
            )
            for request in requests
        ]  # fmt: skip
        with self._one_at_a_time:
            outputs = self._model.generate(prompts, parameters, use_tqdm=False)
        return [self._generated(output.outputs[0]) for output in outputs]

    def _generated(self, output: Any) -> Generated:
        ids = tuple(int(token) for token in output.token_ids)
        steps: Sequence[Mapping[int, Any]] = output.logprobs
        probs = tuple(float(step[token].logprob) for token, step in zip(ids, steps, strict=True))
        ended = output.finish_reason == "stop"
        if not ended and (repeated := loop_length(ids)):
            kept = len(ids) - repeated
            return Generated(ids[:kept], probs[:kept], ended=False, loops=True)
        if (
            ended and ids and ids[-1] in self._preparation.ends
        ):  # whose probability counts, but which is no text
            ids = ids[:-1]
        return Generated(ids, probs, ended=ended)


def _arguments(folder: Path, settings: QwenSettings, factor: int) -> dict[str, Any]:
    """Of vLLM's `LLM`, for a folder. Pictures come in the right size, so the limits only keep it from scaling them again."""
    most = max(settings.page_pixels, settings.line_pixels, FEWEST_TOKENS * factor**2)
    prompt = max(2 * len(text) for text in PROMPTS.values()) + _TEMPLATE_TOKENS  # at most a token a byte
    written = max(settings.page_tokens, settings.line_tokens)
    return {
        "model": str(folder),
        "dtype": "bfloat16" if settings.dtype == "auto" else settings.dtype,
        "load_format": "safetensors",
        "trust_remote_code": False,
        "generation_config": "vllm",  # not what the folder asks for
        "limit_mm_per_prompt": {"image": 1, "video": 0},
        "mm_processor_kwargs": {"min_pixels": FEWEST_TOKENS * factor**2, "max_pixels": most},
        "max_model_len": most // factor**2 + prompt + written,
        "max_num_seqs": settings.batch_rows,
        "gpu_memory_utilization": settings.gpu_share,
        "seed": SEED,
    }
