"""What writes the texts of pictures token by token: the model in this process; `vllm` has another way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ocr_core.errors import PageError
from ocr_core.recognizers.device import torch_device
from ocr_core.recognizers.qwen.batches import Batches
from ocr_core.recognizers.qwen.file import QwenFolder
from ocr_core.recognizers.qwen.generate import Generated, generate
from ocr_core.recognizers.qwen.inputs import Request, model_inputs, prepare
from ocr_core.recognizers.qwen.settings import QwenSettings

if TYPE_CHECKING:
    import torch

_TOKENS_PER_GIB = 4096
"""Tokens of a batch for each GiB of a GPU's memory: cache and activations of a 3B model take about half of it."""
_TOKENS_ON_CPU = 16_384


class Writer(Protocol):
    """Writes a text for each picture. Threads may share one.

    Attributes:
        tokenizer: whose tokens it writes.
    """

    tokenizer: Any

    def write(self, requests: Sequence[Request]) -> list[Generated | PageError]:
        """One answer for each request, in order; all of one temperature."""
        ...


class TorchWriter:
    """The model of a folder, run by transformers in this process, for one thread at a time."""

    def __init__(
        self, loaded: QwenFolder, settings: QwenSettings, device: str = "auto", *, cast: bool = True
    ) -> None:
        """Take a loaded model, which is changed in place.

        Args:
            device: `auto`, `cpu` or `cuda[:n]`.
            cast: to the number type of the settings; without, weights stay what they are.
        """
        target = torch_device(device)
        model: Any = loaded.model
        model = model.to(target, number_type(settings, target)) if cast else model.to(target)
        loaded.model = model.eval()
        self.loaded = loaded
        self.tokenizer = loaded.tokenizer
        self.batches = Batches(
            settings.batch_tokens or _tokens_that_fit(target), settings.batch_rows, loaded.factor
        )
        self._static_cache = settings.static_cache
        self._one_at_a_time = threading.Lock()

    def write(self, requests: Sequence[Request]) -> list[Generated | PageError]:
        return self.batches.run(requests, self.generate)

    def generate(self, requests: Sequence[Request]) -> list[Generated]:
        """A text for each request of one batch; all of one temperature."""
        batch = prepare(self.loaded, requests)
        with self._one_at_a_time:
            inputs = model_inputs(self.loaded, batch)
            return generate(
                self.loaded, inputs, batch.new_tokens, batch.temperature, static_cache=self._static_cache
            )


def number_type(settings: QwenSettings, device: torch.device) -> torch.dtype:
    """Of the weights. On a CPU float32: rounding to 16 bits would let a line read otherwise in other company."""
    import torch

    name = settings.dtype
    if name == "auto":
        name = "float32" if device.type == "cpu" else "bfloat16"
    return torch.float32 if name == "float32" else torch.bfloat16


def _tokens_that_fit(device: torch.device) -> int:
    import torch

    if device.type != "cuda":
        return _TOKENS_ON_CPU
    return max(
        _TOKENS_ON_CPU, _TOKENS_PER_GIB * torch.cuda.get_device_properties(device).total_memory // 2**30
    )
