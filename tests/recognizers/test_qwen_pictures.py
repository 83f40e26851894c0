"""Pictures as a Qwen-VL model is given them, against its own processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.eyes import ease_eyes
from ocr_core.recognizers.qwen.file import load_folder
from ocr_core.recognizers.qwen.inputs import Request, size_for
from tests.recognizers.qwen_tiny import inputs_of, save_sibling, save_tiny_qwen


def test_pictures_have_the_size_that_the_processor_wants(engine: QwenPageRecognizer) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        height, width = (int(n) for n in rng.integers(28, 600, 2))
        request = Request(rng.integers(0, 255, (height, width), dtype=np.uint8), "card", 40_000, 8)
        inputs = inputs_of(engine.writer.loaded, [request])
        _, rows, columns = inputs["image_grid_thw"][0].tolist()
        size = size_for((height, width), 28, 40_000)
        assert (rows * 14, columns * 14) == size
        assert size[0] * size[1] <= 40_000
        vision = size[0] * size[1] // 28**2
        assert vision < inputs["input_ids"].shape[1] < vision + 100
        assert request.cost(28) >= inputs["input_ids"].shape[1] + 8


def test_patches_are_those_of_the_processor(tiny_qwen: Path) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 255, size, dtype=np.uint8) for size in ((56, 84), (140, 28), (84, 112))]
    theirs = Qwen2VLImageProcessorPil.from_pretrained(tiny_qwen)(
        [Image.fromarray(picture).convert("RGB") for picture in pictures],
        do_resize=False,
        return_tensors="pt",
    )
    ours = load_folder(tiny_qwen).patches.cut(pictures, torch.device("cpu"), torch.float32)
    assert ours.shape == theirs["pixel_values"].shape
    assert torch.allclose(ours, theirs["pixel_values"], atol=1e-5)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
def test_windows_of_one_length_together_see_what_each_sees_alone(kind: str, tmp_path: Path) -> None:
    folder = save_tiny_qwen(tmp_path / "tiny", windows=True)
    loaded = load_folder(folder if kind == "qwen2_5_vl" else save_sibling(folder, tmp_path / kind, kind))
    model: Any = loaded.model
    rng = np.random.default_rng(6)
    sizes = ((200, 410), (330, 150), (90, 90), (330, 150))
    requests = [Request(rng.integers(0, 255, size, dtype=np.uint8), "card", 90_000, 8) for size in sizes]
    inputs = inputs_of(loaded, requests)
    with torch.inference_mode():
        given = (inputs["pixel_values"], inputs["image_grid_thw"])
        ours = model.model.visual(*given).pooler_output
        model.model.visual.config._attn_implementation = "sdpa"
        theirs = model.model.visual(*given).pooler_output
        ease_eyes(model, portion=1000)
        portions = model.model.visual(*given)
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.allclose(portions.pooler_output, theirs, atol=1e-5)
    assert all(len(layer) == len(theirs) for layer in portions.get("deepstack_features") or [])
    assert float(theirs.std()) > 0.001
