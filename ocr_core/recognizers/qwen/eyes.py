"""The eyes of a Qwen-VL model, made to see many pages at a time.

Without a package of its own for it, transformers asks for the attention of each window by itself: 3,000 calls a page in a
model of 32 layers, which keep a GPU waiting. Windows have few different lengths, so a handful of calls does the same. And
all pictures of a batch would be seen at once, with 40 GB of intermediate values for 128 pages; here they are in portions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

# Only implementations with this word in their name are told where the windows begin, instead of being asked for each.
_NAME = "flash-by-length"


_PORTION = 262_144  # patches, 36 pages of 1,836 tokens


def ease_eyes(model: Any, portion: int = _PORTION) -> None:
    """Let the eyes of a model see so, in place.

    Args:
        portion: most patches seen at once; a single larger picture is seen as a whole.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, by_length)
    eyes = model.model.visual
    eyes.config._attn_implementation = _NAME
    whole = eyes.forward

    def in_portions(hidden_states: Tensor, grid_thw: Tensor, **others: Any) -> Any:
        patches = grid_thw.prod(1).tolist()
        seen = []
        first = 0
        while first < len(patches):
            last = first + 1
            while last < len(patches) and sum(patches[first : last + 1]) <= portion:
                last += 1
            start, end = sum(patches[:first]), sum(patches[:last])
            seen.append(whole(hidden_states[start:end], grid_thw[first:last], **others))
            first = last
        return seen[0] if len(seen) == 1 else joined(seen)

    eyes.forward = in_portions


def joined(outputs: list[Any]) -> Any:
    """Outputs of several portions as one; each part is a tensor over patches or tokens, or a list of such."""
    parts: dict[str, Any] = {}
    for name, value in outputs[0].items():
        if isinstance(value, Tensor):
            parts[name] = torch.cat([output[name] for output in outputs])
        else:
            parts[name] = [
                torch.cat(tensors) for tensors in zip(*(output[name] for output in outputs), strict=True)
            ]
    return type(outputs[0])(**parts)


def by_length(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, *, cu_seq_lens_q: Tensor,
    scaling: float | None = None, **others: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention within each window.

    Args:
        query, key, value: [1, heads, patches, size].
        cu_seq_lens_q: [windows + 1], where each window begins, and the number of patches.

    Returns:
        [1, patches, heads, size].
    """
    lengths = cu_seq_lens_q.diff()
    out = query.new_empty(query.shape[2], query.shape[1], query.shape[3])
    for length in lengths.unique().tolist():
        if not length:
            continue
        starts = cu_seq_lens_q[:-1][lengths == length]
        places = starts[:, None] + torch.arange(length, device=starts.device)
        # [heads, windows, length, size] → [windows, heads, length, size]
        q, k, v = (tensor[0][:, places].transpose(0, 1) for tensor in (query, key, value))
        out[places] = scaled_dot_product_attention(q, k, v, scale=scaling).transpose(1, 2)
    return out[None], None
