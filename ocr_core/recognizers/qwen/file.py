"""Folders of Qwen2-VL, Qwen2.5-VL and Qwen3-VL models, loaded strictly and for pictures only.

The processor that comes with such a folder wants torchvision for films. A subclass of it without its film part reads
pictures with Pillow alone, the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.recognizers.model_folder import STRICT, first_line, read_config, refuse_gaps, weight_files
from ocr_core.recognizers.qwen.eyes import ease_eyes
from ocr_core.recognizers.qwen.patches import Patches, without_patches

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KINDS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
_REMEDY = "Pull it with `warraq models pull qwen-vl-arabic`, or name a folder with a whole Qwen-VL model."
_HEAD = "lm_head.weight"


@dataclass(slots=True)
class QwenFolder:
    """A loaded model with all that reading needs.

    Attributes:
        model: in evaluation mode, its own settings of generation emptied.
        processor: makes the model's input of text and pictures.
        ends: ids of the tokens that end a text.
        pad: id of the token that fills up a batch.
        factor: sides of pictures are multiples of this many pixels, and one token is a square of it.
        patches: how pictures are cut up for the model.
    """

    model: PreTrainedModel
    processor: Any
    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    pad: int
    factor: int
    patches: Patches


def load_folder(folder: Path, dtype: torch.dtype | None = None) -> QwenFolder:
    """Load a model folder onto the CPU, without network and without running any code of it.

    Args:
        dtype: of the weights; None: as they are stored.

    Raises:
        MissingDependency: transformers is not installed.
        ModelError: it is no folder of this kind, holds pickled weights only, or lacks tensors, tokenizer or preparation.
    """
    values, files = _checked(folder)
    from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig

    loader: Any = AutoModelForImageTextToText
    try:
        config = AutoConfig.from_pretrained(folder, **STRICT)
        if not _has_head(files):
            config.tie_word_embeddings = True  # else it would be filled at random
        model, info = loader.from_pretrained(
            folder, config=config, dtype=dtype or "auto", use_safetensors=True, output_loading_info=True, **STRICT
        )  # fmt: skip
        processor, tokenizer = _processor(folder, config)
    except Exception as error:  # transformers and its readers of files share no class of errors
        raise ModelError(f"{folder} cannot be loaded: {first_line(error)}", remedy=_REMEDY) from error
    refuse_gaps(folder, info, _REMEDY)
    ease_eyes(model)
    ends = _ends(model.generation_config, tokenizer, values)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(ends)
    # What a folder asks for (least lengths, penalties, sampling) must not fill what a call leaves unset.
    model.generation_config = GenerationConfig(eos_token_id=sorted(ends), pad_token_id=pad)
    patches = Patches.of(processor.image_processor)
    return QwenFolder(model.eval(), processor, tokenizer, ends, pad, patches.size * patches.merged, patches)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a folder has beside its weights; attributes as those of `QwenFolder`."""

    processor: Any
    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    factor: int


def load_preparation(folder: Path) -> Preparation:
    """Load what turns pictures into input and tokens into text, for a model that somebody else runs.

    Raises:
        MissingDependency, ModelError: as `load_folder`, which also looks for missing tensors.
    """
    values, _ = _checked(folder)
    from transformers import AutoConfig, GenerationConfig

    try:
        processor, tokenizer = _processor(folder, AutoConfig.from_pretrained(folder, **STRICT))
        own = (folder / "generation_config.json").exists()
        generation = GenerationConfig.from_pretrained(folder, **STRICT) if own else GenerationConfig()
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded: {first_line(error)}", remedy=_REMEDY) from error
    patches = Patches.of(processor.image_processor)
    return Preparation(
        processor, tokenizer, _ends(generation, tokenizer, values), patches.size * patches.merged
    )


def _checked(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """The values of a folder's config and the files of its weights; transformers can be imported then."""
    values = read_config(folder, KINDS, _REMEDY)
    files = weight_files(folder, _REMEDY)
    try:
        from transformers.utils import logging as their_logging
    except ImportError as error:
        raise MissingDependency(
            "Qwen-VL needs transformers", remedy="pip install 'transformers>=5.17,<6'"
        ) from error
    their_logging.disable_progress_bar()
    return values, files


def _has_head(files: list[Path]) -> bool:
    """Whether the network's last layer is stored; where not, it is the same as its first."""
    from safetensors import safe_open

    for path in files:
        with safe_open(path, framework="pt") as stored:
            if any(name == _HEAD or name.endswith(f".{_HEAD}") for name in stored.keys()):  # noqa: SIM118
                return True
    return False


def _processor(folder: Path, config: Any) -> tuple[Any, PreTrainedTokenizerBase]:
    from transformers import AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    base: Any = PROCESSOR_MAPPING[type(config)]

    class ImageOnly(base):
        def __init__(
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **more: Any
        ) -> None:
            super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **more)

    pictures = AutoImageProcessor.from_pretrained(folder, backend="pil", **STRICT)
    pictures.__class__ = without_patches(type(pictures))
    tokenizer = AutoTokenizer.from_pretrained(folder, **STRICT)
    template = tokenizer.chat_template or _old_template(folder)
    if not template:
        raise ModelError(f"{folder} has no chat template", remedy=_REMEDY)
    tokenizer.padding_side = "left"
    return ImageOnly(pictures, tokenizer, template), tokenizer


def _old_template(folder: Path) -> str:
    """The template from `chat_template.json`, where older folders have it."""
    import json

    path = folder / "chat_template.json"
    return str(json.loads(path.read_text("utf-8"))["chat_template"]) if path.exists() else ""


def _ends(generation: Any, tokenizer: Any, values: dict[str, Any]) -> frozenset[int]:
    found: set[int] = set()
    text = values.get("text_config") or values
    for source in (generation.eos_token_id, tokenizer.eos_token_id, text.get("eos_token_id")):
        found |= {
            int(token) for token in (source if isinstance(source, list) else [source]) if token is not None
        }
    if not found:
        raise ModelError("The model does not say which token ends a text", remedy=_REMEDY)
    return frozenset(found)
