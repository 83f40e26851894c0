"""What a Qwen-VL model learns from: texts behind their questions, and how far it is from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ocr_core.recognizers.qwen.file import QwenFolder
from ocr_core.recognizers.qwen.inputs import Request, model_inputs, prepare


def labelled(loaded: QwenFolder, requests: Sequence[Request], texts: Sequence[str]) -> dict[str, Any]:
    """The input of a batch where the model is, with the texts to be learnt and `labels`.

    Labels are -100, where nothing is learnt, on prompts, pictures and padding. Questions are padded on the left and texts on
    the right, so that each text stands behind its question as it does in reading.
    """
    model: Any = loaded.model
    inputs = dict(model_inputs(loaded, prepare(loaded, requests)))
    end = loaded.tokenizer.eos_token_id
    rows = [[*loaded.tokenizer(text, add_special_tokens=False)["input_ids"], end] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [loaded.pad] * (width - len(row)) for row in rows], device=model.device)
    seen = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
    question = inputs["input_ids"]
    inputs["labels"] = torch.cat([torch.full_like(question, -100), ids.masked_fill(seen == 0, -100)], 1)
    for name, more in (
        ("input_ids", ids),
        ("attention_mask", seen),
        ("mm_token_type_ids", torch.zeros_like(ids)),
    ):
        if name in inputs:
            inputs[name] = torch.cat([inputs[name], more.to(inputs[name].dtype)], 1)
    return inputs


def loss_of(model: Any, batch: dict[str, Any]) -> Tensor:
    """Mean cross entropy of the texts, nats a token. Only their tokens go through the last layer, which is large."""
    labels = batch["labels"][:, 1:]
    given = {name: value for name, value in batch.items() if name != "labels"}
    hidden = model.model(**given, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels >= 0
    loss: Tensor = nn.functional.cross_entropy(model.lm_head(hidden[wanted]).float(), labels[wanted])
    return loss
