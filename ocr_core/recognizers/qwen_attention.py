"""Attention of the eyes of a Qwen-VL model, all windows of one length at once.

Without a package of its own for it, transformers asks for the attention of each window by itself: 3,000 calls a page in a
model of 32 layers, which keep a GPU waiting. Windows have few different lengths, so a handful of calls a layer does the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

# Only implementations with this word in their name are told where the windows begin, instead of being asked for each.
_NAME = "flash-by-length"


def attend_by_length(model: Any) -> None:
    """Let the eyes of a model calculate so, in place."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, by_length)
    model.model.visual.config._attn_implementation = _NAME


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
