"""Folders as they were published over the years hold the same model: configuration flat or nested, tensors under
other names, preparation in one of three files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ocr_core.recognizers.qwen.file import load_folder
from tests.recognizers.qwen_tiny import save_tiny_qwen

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
PREPARATION = {
    "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2, "image_mean": MEAN, "image_std": STD,
    "processor_class": "Qwen2_5_VLProcessor",
}  # fmt: skip


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """As transformers 4 wrote it for the models of the hub."""
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    kept = {k: v for k, v in text.items() if k not in ("model_type", "layer_types")}
    scaling = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    return config | kept | {"rope_theta": rope["rope_theta"], "rope_scaling": scaling}


def rename(folder: Path, names: dict[str, str]) -> None:
    path = folder / "model.safetensors"
    tensors = {}
    for name, tensor in load_file(path).items():
        for old, new in names.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
                break
        tensors[name] = tensor.clone()
    save_file(tensors, path, metadata={"format": "pt"})


def hub(folder: Path) -> None:
    rewrite(folder / "config.json", flat)
    old = {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12_845_056}
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPARATION | old))
    template = folder / "chat_template.jinja"
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template.read_text()}))
    template.unlink()


def middle(folder: Path) -> None:
    rename(folder, {"visual.": "model.visual.", "model.": "model.language_model."})
    size = {"shortest_edge": 3136, "longest_edge": 12_845_056}
    fast = {
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "size": size,
        "do_rescale": True,
        "device": None,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPARATION | fast))


def one_file(folder: Path) -> None:
    path = folder / "preprocessor_config.json"
    whole = {"image_processor": json.loads(path.read_text()), "processor_class": "Qwen2_5_VLProcessor"}
    films = {"video_processor": {"video_processor_type": "Qwen2VLVideoProcessor"}}
    (folder / "processor_config.json").write_text(json.dumps(whole | films))
    path.unlink()


@pytest.mark.parametrize("layout", [hub, middle, one_file])
@pytest.mark.parametrize("tied", [True, False])
def test_every_layout_is_the_same_model(layout: Callable[[Path], None], tied: bool, tmp_path: Path) -> None:
    folder = save_tiny_qwen(tmp_path / "m", tied=tied)
    before = load_folder(folder)
    layout(folder)
    after = load_folder(folder)
    theirs, ours = before.model.state_dict(), after.model.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert (after.patches, after.ends, after.pad) == (before.patches, before.ends, before.pad)
    assert after.processor.chat_template == before.processor.chat_template
    text: Any = after.model.config.get_text_config()
    assert text.rope_parameters["mrope_section"] == [2, 2, 4]
