"""Pictures through a model in batches that fit: less at a time when memory runs out, alone when one of them breaks it."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from typing import cast

from ocr_core.errors import PageError
from ocr_core.recognizers.qwen.generate import Generated
from ocr_core.recognizers.qwen.inputs import Request, plan_batches

log = logging.getLogger(__name__)

Run = Callable[[Sequence[Request]], list[Generated]]
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class Batches:
    """Plans batches by a budget of tokens, which it remembers halving.

    Args:
        budget: most tokens of a batch, padding included.
        most_rows: most pictures of a batch.
        factor: see `QwenFolder`.
    """

    def __init__(self, budget: int, most_rows: int, factor: int) -> None:
        self.budget = budget
        self._most_rows = most_rows
        self._factor = factor

    def run(self, requests: Sequence[Request], run: Run) -> list[Generated | PageError]:
        """One answer for each request, in order; those that `run` cannot read even alone get the error."""
        costs = [request.cost(self._factor) for request in requests]
        answers: list[Generated | PageError | None] = [None] * len(requests)
        waiting = plan_batches(costs, self.budget, self._most_rows)
        while waiting:
            batch = waiting.pop(0)
            error: Exception | None = None
            try:
                found = run([requests[place] for place in batch])
            except Exception as raised:
                # Only without its traceback, which holds on to the tensors of the batch, can memory be freed.
                error = raised.with_traceback(None)
                error.__context__ = error.__cause__ = None
            if error is None:
                for place, answer in zip(batch, found, strict=True):
                    answers[place] = answer
                continue
            if _no_memory(error):
                _free_memory()
            if _gpu_is_lost(error) or len(batch) == 1:
                for place in batch:
                    answers[place] = _as_page_error(error)
            elif _no_memory(error):
                self.budget = max(1, max(costs[p] for p in batch) * len(batch) // 2)
                log.warning(
                    "no memory for %d pictures at a time; from now on %d tokens", len(batch), self.budget
                )
                left = sorted(place for one in (batch, *waiting) for place in one)
                plans = plan_batches([costs[p] for p in left], self.budget, self._most_rows)
                waiting = [[left[i] for i in plan] for plan in plans]
            else:
                log.warning("a batch of %d pictures failed (%s); reading its halves", len(batch), error)
                half = len(batch) // 2
                waiting[:0] = [batch[:half], batch[half:]]
        return cast("list[Generated | PageError]", answers)


def _no_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
    )


def _gpu_is_lost(error: Exception) -> bool:
    """Whether this process can no longer use its GPU: after such an error every further call fails too."""
    return not _no_memory(error) and (
        type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)
    )


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _as_page_error(error: Exception) -> PageError:
    if isinstance(error, PageError):
        return error
    if _no_memory(error):
        return PageError(
            "out-of-memory",
            f"The model has not enough memory even for this picture alone: {error}",
            remedy="Reduce the pictures that the model sees (page_pixels, line_pixels), or use a larger device.",
        )
    if _gpu_is_lost(error):
        return PageError(
            "gpu-error",
            f"The GPU can no longer be used by this process: {error}",
            remedy="Run again: what was read is kept. Look at the GPU if it happens again: nvidia-smi.",
        )
    return PageError(
        "engine-error",
        f"The model failed on this picture: {type(error).__name__}: {error}",
        remedy="Please report this with the file; `warraq retry` tries the page again.",
    )
