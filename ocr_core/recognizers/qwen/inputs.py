"""From pictures to what a Qwen-VL model takes, and which pictures it takes together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ocr_core.recognizers.pictures import resize
from ocr_core.recognizers.qwen.settings import PROMPTS, PromptName
from ocr_core.records import GreyImage

if TYPE_CHECKING:
    from ocr_core.recognizers.qwen.file import QwenFolder

FEWEST_TOKENS = 4
"""Of vision, of the smallest picture."""
_TEMPLATE_TOKENS = 32
"""About what the template of a conversation adds to the prompt."""


@dataclass(frozen=True, slots=True)
class Request:
    """One picture to be read.

    Attributes:
        pixels: [height, width] uint8.
        most_pixels: area to which it is reduced.
        new_tokens: most tokens of its text.
        temperature: 0 takes the likeliest token each time.
    """

    pixels: GreyImage
    prompt: PromptName
    most_pixels: int
    new_tokens: int
    temperature: float = 0.0

    def cost(self, factor: int) -> int:
        """About how many tokens it takes in a batch, its text included."""
        height, width = size_for(self.pixels.shape, factor, self.most_pixels)
        prompt = len(PROMPTS[self.prompt]) // 2 + _TEMPLATE_TOKENS
        return height * width // factor**2 + prompt + self.new_tokens


def size_for(shape: tuple[int, ...], factor: int, most: int) -> tuple[int, int]:
    """Height and width to which a picture is scaled: multiples of `factor`, of an area of at most `most`.

    Qwen's own rule, so that its processor finds nothing to scale any more.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    least = FEWEST_TOKENS * factor**2
    height, width = smart_resize(
        shape[0], shape[1], factor=factor, min_pixels=least, max_pixels=max(most, least)
    )
    return int(height), int(width)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch on the CPU: what the processor makes of its texts, padded on the left, and its pictures, scaled."""

    inputs: Any
    pictures: list[GreyImage]
    new_tokens: int
    temperature: float


def prepare(loaded: QwenFolder, requests: Sequence[Request]) -> Prepared:
    """Everything about a batch that needs no GPU; its requests are of one temperature."""
    texts = [conversation(loaded.processor, request.prompt) for request in requests]
    pictures = [scaled(request, loaded.factor) for request in requests]
    # For its texts the processor needs to know how large the pictures are, and nothing else.
    sizes = [np.broadcast_to(np.uint8(0), (3, *picture.shape)) for picture in pictures]
    inputs = loaded.processor(
        images=sizes, text=texts, do_resize=False, do_convert_rgb=False, input_data_format="channels_first",
        padding=True, padding_side="left", return_tensors="pt",
    )  # fmt: skip
    most = max(request.new_tokens for request in requests)
    return Prepared(inputs, pictures, most, requests[0].temperature)


def model_inputs(loaded: QwenFolder, batch: Prepared) -> Any:
    """The input of a batch where the model is."""
    model: Any = loaded.model
    inputs = batch.inputs.to(model.device)
    inputs["pixel_values"] = loaded.patches.cut(batch.pictures, model.device, model.dtype)
    return inputs


def conversation(processor: Any, prompt: PromptName) -> str:
    """The question about one picture, as the template of a model has it."""
    content = [{"type": "image"}, {"type": "text", "text": PROMPTS[prompt]}]
    text: str = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    return text


def scaled(request: Request, factor: int) -> GreyImage:
    height, width = size_for(request.pixels.shape, factor, request.most_pixels)
    if request.pixels.shape == (height, width):
        return np.ascontiguousarray(request.pixels)
    return resize(request.pixels, height, width, Image.Resampling.BICUBIC)


def plan_batches(costs: Sequence[int], budget: int, most_rows: int) -> list[list[int]]:
    """Places of requests in batches: like costs together, the costliest first, so that what does not fit shows at once.

    Args:
        costs: tokens of each request.
        budget: most tokens of a batch when every row is as long as its longest; a single row may cost more.
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(costs)), key=lambda p: -costs[p]):
        rows = len(batches[-1]) if batches else 0
        if rows and rows < most_rows and (rows + 1) * costs[batches[-1][0]] <= budget:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches
