"""Texts from a Qwen-VL model, token by token: likeliest tokens, their probabilities, a guard against loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocr_core.recognizers.loops import loop_length

if TYPE_CHECKING:
    import torch

    from ocr_core.recognizers.qwen.file import QwenFolder

_LOOK_EVERY = 8
"""Steps between two looks for loops: each copies the batch's tokens from the GPU."""
SEED = 20


@dataclass(frozen=True, slots=True)
class Generated:
    """A text as tokens.

    Attributes:
        tokens: without the one that ends the text and without what a loop repeats.
        log_probs: natural, of each token, and of the end where the text ended.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    ended: bool
    loops: bool = False

    @property
    def mean_log_prob(self) -> float:
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else 0.0


def generate(
    loaded: QwenFolder, inputs: Any, new_tokens: int, temperature: float = 0.0, *, static_cache: bool = False
) -> list[Generated]:
    """A text for each row of `inputs`, which are on the device of the model.

    Args:
        new_tokens: most tokens of a text.
        temperature: 0 takes the likeliest token each time; else tokens are drawn, every time the same ones.
        static_cache: see `QwenSettings`.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    width = inputs["input_ids"].shape[1]
    probabilities = chosen_log_probs(temperature)
    guard = loop_guard(width, loaded.ends)
    config = GenerationConfig(
        max_new_tokens=new_tokens, min_new_tokens=0, do_sample=False, num_beams=1, repetition_penalty=1.0,
        no_repeat_ngram_size=0, eos_token_id=sorted(loaded.ends), pad_token_id=loaded.pad, use_cache=True,
        cache_implementation="static" if static_cache else None,
    )  # fmt: skip
    model: Any = loaded.model
    with torch.inference_mode():
        # Everything that the processor gives goes in: without the kinds of tokens, positions would have one dimension.
        sequences = model.generate(
            **inputs, generation_config=config, logits_processor=LogitsProcessorList([probabilities]),
            stopping_criteria=StoppingCriteriaList([guard]),
        )  # fmt: skip
    log_probs = torch.stack(probabilities.steps, 1).cpu().tolist()
    rows = zip(sequences[:, width:].tolist(), log_probs, guard.stopped, strict=True)
    return [_generated(ids, probs, loaded.ends, stopped) for ids, probs, stopped in rows]


def _generated(ids: list[int], probs: list[float], ends: frozenset[int], stopped: int) -> Generated:
    if stopped:  # behind it there is only padding, which may look like an end
        kept = stopped - loop_length(ids[:stopped])
        return Generated(tuple(ids[:kept]), tuple(probs[:kept]), ended=False, loops=True)
    for place, token in enumerate(ids):
        if token in ends:
            return Generated(tuple(ids[:place]), tuple(probs[: place + 1]), ended=True)
    return Generated(tuple(ids), tuple(probs[: len(ids)]), ended=False)


def chosen_log_probs(temperature: float) -> Any:
    """A logits processor that keeps the log probability of each step's token in `steps`: one float a row, not a vocabulary.

    With a temperature it draws the token itself (Gumbel-max), with noise that is the same for every row and every call: a
    row's text does not depend on its neighbours.
    """
    import torch
    from transformers import LogitsProcessor

    class ChosenLogProbs(LogitsProcessor):
        def __init__(self) -> None:
            self.steps: list[torch.Tensor] = []
            self._random = torch.Generator().manual_seed(SEED)

        def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
            logits = scores.float()
            if temperature:
                uniform = torch.rand(logits.shape[1], generator=self._random).clamp_(1e-20)
                noise = -torch.log(-torch.log(uniform)).to(logits.device)
                drawn: Any = logits / temperature + noise
            else:
                drawn = logits
            best = drawn.argmax(1, keepdim=True)
            self.steps.append((logits.gather(1, best) - logits.logsumexp(1, keepdim=True)).squeeze(1))
            return drawn

    return ChosenLogProbs()


def loop_guard(prompt: int, ends: frozenset[int]) -> Any:
    """A stopping criterion that ends each row which only repeats itself; `stopped` has how many tokens it had then, or 0.

    Args:
        prompt: tokens before the text, padding included.
    """
    import torch
    from transformers import StoppingCriteria

    class LoopGuard(StoppingCriteria):
        def __init__(self) -> None:
            self.stopped: list[int] = []

        def __call__(self, input_ids: torch.LongTensor, scores: Any, **more: Any) -> torch.BoolTensor:
            self.stopped = self.stopped or [0] * len(input_ids)
            length = input_ids.shape[1] - prompt
            if length % _LOOK_EVERY == 0:
                for row, ids in enumerate(input_ids[:, prompt:].tolist()):
                    # The padding behind a finished text is no loop.
                    if not self.stopped[row] and ends.isdisjoint(ids) and loop_length(ids):
                        self.stopped[row] = length
            done: Any = torch.tensor([bool(s) for s in self.stopped], device=input_ids.device)
            return done

    return LoopGuard()
