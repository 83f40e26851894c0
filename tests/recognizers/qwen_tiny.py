"""A Qwen2.5-VL of 0.3 million parameters, made on the spot and over-fitted until it really reads a few pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ocr_core.errors import PageError
from ocr_core.recognizers.qwen.engine import Reading
from ocr_core.recognizers.qwen.file import QwenFolder, load_folder
from ocr_core.recognizers.qwen.inputs import Request, model_inputs, prepare
from ocr_core.recognizers.qwen.settings import PROMPTS, QwenSettings
from ocr_core.training.qwen.loss import labelled

SMALL: dict[str, Any] = {"page_pixels": 56_448, "line_pixels": 9_408, "page_tokens": 512, "line_tokens": 48}
"""Settings of the tiny model: 72 tokens of vision a page, 12 a line."""

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Lesson:
    """A picture and what is to be read on it."""

    request: Request
    text: str


def save_tiny_qwen(
    folder: Path,
    texts: Sequence[str] = (),
    *,
    seed: int = 0,
    hidden: int = 64,
    spread: float = 0.05,
    words: int = 900,
    tied: bool = False,
    windows: bool = False,
) -> Path:
    """Write model, tokenizer (bytes, and pieces of `texts`) and preparation. Returns the folder.

    Args:
        spread: of the weights; small ones learn, large ones write varied text untrained.
        words: size of the vocabulary, if the texts have as many pieces.
        windows: the first layer of its eyes looks at windows of 8 by 8 patches, as most layers of the large models do.
        tied: the last layer is the first one, as in the small models of the family; untrained, such a model repeats itself.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForImageTextToText, PreTrainedTokenizerFast, Qwen2_5_VLConfig
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=words, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=list(SPECIAL),
        show_progress=False,
    )  # fmt: skip
    pieces.train_from_iterator([*texts, *PROMPTS.values()], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces, eos_token="<|im_end|>", pad_token="<|endoftext|>", additional_special_tokens=list(SPECIAL),
        chat_template=TEMPLATE,
    )  # fmt: skip
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    pairs = hidden // 8  # half the size of a head
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": hidden, "intermediate_size": 2 * hidden, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096, "initializer_range": spread,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 1e6, "mrope_section": [pairs // 4, pairs // 4, pairs // 2],
            },
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": hidden,
            "fullatt_block_indexes": [1] if windows else [0, 1], "initializer_range": 4 * spread,
        },
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"], tie_word_embeddings=tied,
    )  # fmt: skip
    torch.manual_seed(seed)
    model: Any = AutoModelForImageTextToText.from_config(config)
    # A folder's own settings of generation must not matter: these would spoil every text.
    model.generation_config.repetition_penalty = 1.8
    model.generation_config.min_new_tokens = 50
    model.generation_config.eos_token_id = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil().save_pretrained(folder)
    return folder


def teach(
    folder: Path, lessons: Sequence[Lesson], *, steps: int, rate: float = 5e-3, rows: int = 30
) -> float:
    """Over-fit the model of a folder on lessons, in place. Returns the last loss, nats a token.

    What the eyes see is only spread out (mean 0, deviation 1 over the lessons): the texts are learnt by heart.
    """
    torch.manual_seed(0)
    loaded = load_folder(folder)
    model: Any = loaded.model
    # Long texts together, or short ones would be mostly padding.
    ordered = sorted(lessons, key=lambda lesson: len(lesson.text))
    groups = [ordered[first : first + rows] for first in range(0, len(lessons), rows)]
    batches = [labelled(loaded, [x.request for x in group], [x.text for x in group]) for group in groups]
    _spread(model, batches)
    seen = [_seen(model, batch) for batch in batches]
    learning = [*model.model.language_model.parameters(), *model.lm_head.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    loss = torch.tensor(float("nan"))
    for step in range(steps):
        batch, given = batches[step % len(batches)], seen[step % len(batches)]
        words = model.get_input_embeddings()(batch["input_ids"])
        given["inputs_embeds"] = torch.where(given["pictures"], given["features"], words)
        hidden = model.model.language_model(
            **{k: v for k, v in given.items() if k not in ("pictures", "features")}
        )
        wanted = batch["labels"][:, 1:] >= 0
        logits = model.lm_head(hidden.last_hidden_state[:, :-1][wanted])
        loss = torch.nn.functional.cross_entropy(logits, batch["labels"][:, 1:][wanted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.save_pretrained(folder)
    return float(loss.detach())


def see_apart(folder: Path, lessons: Sequence[Lesson]) -> Path:
    """Spread out what the untrained eyes of a folder's model see of some pictures, in place. Returns the folder."""
    loaded = load_folder(folder)
    _spread(loaded.model, [labelled(loaded, [x.request for x in lessons], [x.text for x in lessons])])
    loaded.model.save_pretrained(folder)
    return folder


@torch.no_grad()
def _spread(model: Any, batches: Sequence[dict[str, torch.Tensor]]) -> None:
    features = torch.cat([_features(model, batch) for batch in batches])
    last = model.model.visual.merger.mlp[2]
    last.bias.sub_(features.mean(0)).div_(features.std(0))
    last.weight.div_(features.std(0)[:, None])


def _features(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of all pictures of a batch, [tokens, hidden]."""
    kept: list[torch.Tensor] = []
    hook = model.model.visual.merger.register_forward_hook(lambda module, given, out: kept.append(out))
    model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    hook.remove()
    return kept[0]


@torch.no_grad()
def _seen(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What the language model is given for a batch, its pictures apart: they stay the same in every step."""
    kept: list[dict[str, Any]] = []
    hook = model.model.language_model.register_forward_pre_hook(
        lambda module, args, kwargs: kept.append(kwargs), with_kwargs=True
    )
    model(**{k: v for k, v in batch.items() if k != "labels"})
    hook.remove()
    pictures = batch["input_ids"][..., None] == model.config.image_token_id
    given = {k: kept[0][k] for k in ("attention_mask", "position_ids")}
    return given | {"pictures": pictures, "features": kept[0]["inputs_embeds"], "use_cache": False}


def inputs_of(loaded: QwenFolder, requests: Sequence[Request]) -> Any:
    """What the model is given for requests."""
    return model_inputs(loaded, prepare(loaded, requests))


def good(answers: Sequence[Reading | PageError]) -> list[Reading]:
    """The answers, none of which has failed."""
    assert all(isinstance(answer, Reading) for answer in answers)
    return list(answers)  # type: ignore[arg-type]


def arabic_lessons(samples: Path, settings: QwenSettings) -> list[Lesson]:
    """Every Arabic page of the samples and every line on it, as a run prepares them, with the ground truth."""
    from xml.etree import ElementTree

    from ocr_core.pipeline.prepare import PreparedPage, prepare_pages
    from ocr_core.records import SourceFile
    from ocr_core.sources import ReadSettings, identify

    lessons: list[Lesson] = []
    for path in sorted((samples / "arabic").glob("*.jpg")):
        document: Any = identify(SourceFile(path, path.parent, path.name))
        [page] = prepare_pages([document.page(1)], ReadSettings(), picture_pixels=settings.page_pixels)
        assert isinstance(page, PreparedPage)
        [picture] = page.pictures.values()
        truth = ElementTree.parse(samples.parent / "ground_truth" / f"{path.stem}.xml")
        lines = [line.text or "" for line in truth.iterfind(".//{*}TextLine/{*}TextEquiv/{*}Unicode")]
        assert len(lines) == len(page.lines)
        whole = Request(picture, settings.prompt, settings.page_pixels, settings.page_tokens)
        lessons.append(Lesson(whole, "\n".join(lines)))
        lessons += [
            Lesson(Request(image.pixels, settings.prompt, settings.line_pixels, settings.line_tokens), text)
            for image, text in zip(page.images, lines, strict=True)
        ]
    return lessons


def save_sibling(tiny: Path, folder: Path, kind: str) -> Path:
    """An untrained Qwen2-VL or Qwen3-VL with the tokenizer of a tiny Qwen2.5-VL. Returns the folder."""
    from transformers import AutoModelForImageTextToText, Qwen2VLConfig, Qwen3VLConfig

    shutil.copytree(tiny, folder)
    config = json.loads((tiny / "config.json").read_text())
    ids = {name: value for name, value in config.items() if name.endswith("_token_id") and name[0] in "iv"}
    text = {
        k: v for k, v in config["text_config"].items() if k not in ("model_type", "architectures", "dtype")
    }
    if kind == "qwen2_vl":
        eyes = {
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": text["hidden_size"],
            "num_heads": 2,
            "mlp_ratio": 2,
        }
        made: Any = Qwen2VLConfig(text_config=text, vision_config=eyes, **ids)
    else:
        eyes = {
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": text["hidden_size"],
            "deepstack_visual_indexes": [0], "num_position_embeddings": 256,
        }  # fmt: skip
        made = Qwen3VLConfig(text_config=text | {"head_dim": 16}, vision_config=eyes, **ids)
        preparation = json.loads((folder / "preprocessor_config.json").read_text())
        (folder / "preprocessor_config.json").write_text(json.dumps(preparation | {"patch_size": 16}))
    AutoModelForImageTextToText.from_config(made).save_pretrained(folder)
    return folder


def save_endless_qwen(folder: Path) -> Path:
    """A model that writes random bytes and never ends a text. Returns the folder."""
    from safetensors.torch import load_file, save_file

    save_tiny_qwen(folder, spread=0.3)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"][:3] = 0.0  # the first tokens of `SPECIAL`: the ends are never the likeliest
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def read_samples(folder: Path, samples: Path) -> Path:
    """Write a model that reads the Arabic samples, pages and lines, with the settings `SMALL`. Returns the folder."""
    lessons = arabic_lessons(samples, QwenSettings(**SMALL))
    save_tiny_qwen(folder, [lesson.text for lesson in lessons])
    teach(folder, lessons, steps=110, rate=8e-3)
    return folder
