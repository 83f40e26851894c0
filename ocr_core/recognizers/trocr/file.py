"""Model folders of kind VisionEncoderDecoder, loaded strictly: safetensors only, every tensor from the file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.recognizers.model_folder import (
    STRICT,
    first_line,
    read_config,
    refuse_gaps,
    weight_files,
)
from ocr_core.recognizers.trocr.images import STEPS, InputShape, Step

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, VisionEncoderDecoderModel

EXTRA = "warraq.json"
"""What Warraq's own training adds to a folder: the steps of preparation that the model was trained with."""
_PULL = "Pull it with `warraq models pull trocr-base-handwritten`, or name a folder with config.json and model.safetensors."
_UNUSED = re.compile(r"^encoder\.pooler\.|embed_positions\._float_tensor$|\.position_ids$")
"""Tensors that no reading depends on."""


@dataclass(slots=True)
class TrocrFolder:
    """A loaded model with all that reading needs.

    Attributes:
        model: on the CPU, float32, in evaluation mode.
        start, end, pad: ids of the tokens that begin and end a text and fill up a batch.
        longest: most tokens the decoder has positions for.
        steps: of preparation, before scaling.
    """

    model: VisionEncoderDecoderModel
    tokenizer: PreTrainedTokenizerBase
    shape: InputShape
    start: int
    end: int
    pad: int
    longest: int
    steps: tuple[Step, ...] = ()


def load_folder(folder: Path) -> TrocrFolder:
    """Load a model folder, without network and without running any code of it.

    Raises:
        MissingDependency: transformers is not installed.
        ModelError: it is no folder of this kind, holds pickled weights only, or lacks tensors, tokenizer or preparation.
    """
    config = read_config(folder, ("vision-encoder-decoder",), _PULL)
    weight_files(folder, _PULL)
    try:
        from transformers import AutoTokenizer, VisionEncoderDecoderModel
        from transformers.utils import logging as their_logging
    except ImportError as error:
        raise MissingDependency(
            "TrOCR needs transformers", remedy="pip install 'transformers>=5.17,<6'"
        ) from error
    their_logging.disable_progress_bar()
    shape = InputShape.load(folder)
    try:
        loader: Any = VisionEncoderDecoderModel
        model, info = loader.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **STRICT)
        tokenizer = AutoTokenizer.from_pretrained(folder, **STRICT)
    except Exception as error:  # transformers and its readers of files share no class of errors
        raise ModelError(f"{folder} cannot be loaded: {first_line(error)}", remedy=_PULL) from error
    refuse_gaps(folder, info, _PULL, _UNUSED)
    ids = {name: _token(name, config) for name in ("decoder_start_token_id", "eos_token_id", "pad_token_id")}
    longest = int(config.get("decoder", {}).get("max_position_embeddings", 512))
    return TrocrFolder(
        model.float().eval(), tokenizer, shape, ids["decoder_start_token_id"], ids["eos_token_id"], ids["pad_token_id"],
        longest, steps_of(folder),
    )  # fmt: skip


def save_folder(folder: Path, loaded: TrocrFolder) -> None:
    """Write a folder that `load_folder` reads: weights as safetensors, tokenizer, preparation."""
    folder.mkdir(parents=True, exist_ok=True)
    loaded.model.save_pretrained(folder, safe_serialization=True)
    loaded.tokenizer.save_pretrained(folder)
    shape = loaded.shape
    preparation = {
        "image_processor_type": "ViTImageProcessor", "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": list(shape.mean), "image_std": list(shape.std), "resample": shape.resample,
        "rescale_factor": 1 / 255, "size": {"height": shape.height, "width": shape.width},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation, indent=2) + "\n", "utf-8")
    (folder / EXTRA).write_text(json.dumps({"steps": list(loaded.steps)}) + "\n", "utf-8")


def _token(name: str, config: dict[str, Any]) -> int:
    for values in (config, config.get("decoder", {})):
        value = values.get(name)
        if isinstance(value, list):
            value = value[0]
        if isinstance(value, int):
            return value
    raise ModelError(f"config.json does not say {name}", remedy=_PULL)


def steps_of(folder: Path) -> tuple[Step, ...]:
    """The steps of preparation that a folder's model was trained with; none where it does not say.

    Raises:
        ModelError: what it says is damaged.
    """
    path = folder / EXTRA
    if not path.exists():
        return ()
    try:
        steps = json.loads(path.read_text("utf-8"))["steps"]
        if unknown := set(steps) - set(STEPS):
            raise ValueError(f"unknown steps {', '.join(sorted(unknown))}")
        return tuple(steps)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error}", remedy="Train again, or remove the file.") from error
