"""Model folders of kind VisionEncoderDecoder, loaded strictly: safetensors only, every tensor from the file.

transformers only warns about tensors that it did not find, and fills them at random; here that is an error.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.recognizers.trocr_images import STEPS, InputShape, Step

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, VisionEncoderDecoderModel

WEIGHTS_FILE = "model.safetensors"
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
    config = _config(folder)
    _refuse_pickles(folder)
    try:
        from transformers import AutoTokenizer, VisionEncoderDecoderModel
        from transformers.utils import logging as their_logging
    except ImportError as error:
        raise MissingDependency(
            "TrOCR needs transformers", remedy="pip install 'transformers>=5.17,<6'"
        ) from error
    their_logging.disable_progress_bar()
    shape = InputShape.load(folder)
    strict: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        loader: Any = VisionEncoderDecoderModel
        model, info = loader.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **strict)
        tokenizer = AutoTokenizer.from_pretrained(folder, **strict)
    except Exception as error:  # transformers and its readers of files share no class of errors
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder} cannot be loaded: {first}", remedy=_PULL) from error
    _refuse_gaps(folder, info)
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


def _config(folder: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        kind = values.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder} is no model folder: {error}", remedy=_PULL) from error
    if kind != "vision-encoder-decoder":
        raise ModelError(f"{folder} holds a model of type {kind}, not vision-encoder-decoder", remedy=_PULL)
    return values


def _refuse_pickles(folder: Path) -> None:
    if (folder / WEIGHTS_FILE).exists() or (folder / f"{WEIGHTS_FILE}.index.json").exists():
        return
    if pickles := sorted(p.name for p in folder.glob("*.bin")):
        raise ModelError(
            f"{folder} holds its weights as a pickle ({', '.join(pickles)}), which can run whatever its author wants",
            remedy="Take a revision with model.safetensors; " + _PULL[0].lower() + _PULL[1:],
        )
    raise ModelError(f"{folder} has no {WEIGHTS_FILE}", remedy=_PULL)


def _refuse_gaps(folder: Path, info: dict[str, Any]) -> None:
    for what, key in (
        ("lacks tensors", "missing_keys"),
        ("has tensors of another network", "unexpected_keys"),
        ("has tensors of another size", "mismatched_keys"),
    ):
        names = sorted(str(k[0] if isinstance(k, tuple) else k) for k in info[key])
        names = [name for name in names if not _UNUSED.search(name)]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelError(f"{folder} {what}: {', '.join(names[:3])}{more}", remedy=_PULL)


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
