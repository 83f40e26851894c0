"""Model folders: whole, harmless, held to what was pulled; settings and stamps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from ocr_core.errors import ModelError
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.file import load_folder
from ocr_core.recognizers.qwen.pull import load_qwen, pull_qwen, qwen_stamp
from ocr_core.recognizers.qwen.settings import PROMPTS, PromptName, QwenSettings
from ocr_core.records import LineImage, PagePicture, PageText
from tests.recognizers.qwen_tiny import SMALL, Lesson, inputs_of, save_sibling, save_tiny_qwen


@pytest.fixture
def copy(tiny_qwen: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_qwen, tmp_path / "copy")


@pytest.mark.parametrize(("kind", "factor"), [("qwen2_vl", 28), ("qwen3_vl", 32)])
def test_the_siblings_are_read_with_too(kind: str, factor: int, tmp_path: Path) -> None:
    folder = save_sibling(save_tiny_qwen(tmp_path / "tiny"), tmp_path / kind, kind)
    reader = load_qwen(QwenSettings(model=str(folder), page_tokens=8, retries=0), device="cpu")
    assert isinstance(reader, QwenPageRecognizer)
    assert reader.writer.loaded.factor == factor
    page = np.random.default_rng(0).integers(0, 255, (200, 140), dtype=np.uint8)
    pages = [PagePicture("p-00001", page), PagePicture("p-00002", page[:90])]
    together = reader.recognize_pages(pages)
    alone = [reader.recognize_pages([page])[0] for page in pages]
    for answers in zip(together, alone, strict=True):
        texts = [[w.text for row in a.rows for w in row] for a in answers if isinstance(a, PageText)]
        assert len(texts) == 2 and texts[0] == texts[1] != []


def test_wrong_folders_are_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder") as caught:
        load_folder(tmp_path / "nowhere")
    assert "warraq models pull qwen-vl-arabic" in caught.value.remedy
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(ModelError, match="of type llava"):
        load_folder(copy)


def test_missing_tensors_and_pickles_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    gone = next(name for name in tensors if name.endswith("layers.1.mlp.up_proj.weight"))
    save_file({n: t for n, t in tensors.items() if n != gone}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks tensors: .*layers\.1\.mlp\.up_proj"):
        load_folder(copy)
    save_file(tensors | {"extra.weight": torch.zeros(2)}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="another network"):
        load_folder(copy)
    path.rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        load_folder(copy)


def test_code_in_a_folder_is_not_run(copy: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    (copy / "modeling_trap.py").write_text(f"open({str(trap)!r}, 'w')\nclass Trap: ...\n")
    config = json.loads((copy / "config.json").read_text())
    names = (
        "AutoConfig",
        "AutoModelForImageTextToText",
        "AutoTokenizer",
        "AutoImageProcessor",
        "AutoProcessor",
    )
    config["auto_map"] = dict.fromkeys(names, "modeling_trap.Trap")
    (copy / "config.json").write_text(json.dumps(config))
    load_folder(copy)
    assert not trap.exists()


def test_weights_in_several_files_are_whole_or_refused(copy: Path) -> None:
    loaded: Any = load_folder(copy).model
    (copy / "model.safetensors").unlink()
    loaded.save_pretrained(copy, max_shard_size="200KB")
    shards = sorted(copy.glob("model-*.safetensors"))
    assert len(shards) > 1
    again: Any = load_folder(copy).model
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), again.parameters(), strict=True))
    shards[0].unlink()
    with pytest.raises(ModelError, match=f"lacks {shards[0].name}"):
        load_folder(copy)


def test_a_model_without_a_last_layer_uses_its_first(tmp_path: Path) -> None:
    """The layout of the 3B model; some folders forget to say so."""
    folder = save_tiny_qwen(tmp_path / "m", tied=True)
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config))
    model: Any = load_folder(folder).model
    assert torch.equal(model.lm_head.weight, model.get_input_embeddings().weight)


def test_settings_are_checked_and_part_of_the_stamp(tiny_qwen: Path) -> None:
    for wrong in ({"prompt": "poem"}, {"pixels": 5}, {"page_tokens": 0}, {"mode": "book"}):
        with pytest.raises(ValidationError):
            QwenSettings.model_validate(wrong)
    plain = QwenSettings(model=str(tiny_qwen))
    stamps = {
        qwen_stamp(plain.model_copy(update=change))
        for change in (
            {},
            {"mode": "line"},
            {"prompt": "training"},
            {"page_pixels": 50_000},
            {"dtype": "bfloat16"},
        )
    }
    assert len(stamps) == 5
    assert qwen_stamp(plain.model_copy(update={"batch_rows": 3})) == qwen_stamp(plain)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_model_is_asked_the_question_that_was_chosen(
    prompt: PromptName, tiny_qwen: Path, lessons: list[Lesson]
) -> None:
    reader = load_qwen(QwenSettings(model=str(tiny_qwen), prompt=prompt, **SMALL), device="cpu")
    assert isinstance(reader, QwenPageRecognizer)
    pixels = lessons[0].request.pixels
    page, line = PagePicture("p-00001", pixels), LineImage("p-00001-0000", pixels, 20.0, np.eye(2, 3))
    tokenizer: Any = reader.writer.loaded.tokenizer
    for request in (reader._page_request(page), reader._line_request(line)):
        [asked] = tokenizer.batch_decode(inputs_of(reader.writer.loaded, [request])["input_ids"])
        assert [question in asked for question in PROMPTS.values()] == [name == prompt for name in PROMPTS]


def test_a_pulled_model_is_held_to_its_files(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARRAQ_MODELS", str(tmp_path / "models"))
    with pytest.raises(ModelError, match=r"not on this machine\.\s+Run `warraq models pull qwen-vl-arabic`"):
        load_qwen(QwenSettings())
    card = pull_qwen(source=tiny_qwen)
    folder = tmp_path / "models" / "qwen-vl-arabic"
    assert load_qwen(QwenSettings(), device="cpu").stamp.weights_sha256 == card.sha256
    assert qwen_stamp(QwenSettings(model=str(tiny_qwen))) == qwen_stamp(
        QwenSettings()
    )  # the same files anywhere
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    with pytest.raises(
        ModelError, match=r"chat_template\.jinja is missing or is not the file that was pulled"
    ):
        load_qwen(QwenSettings(), device="cpu")
    other = save_tiny_qwen(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="is not the file pulled first"):
        pull_qwen(source=other)


def test_a_folder_with_a_gap_is_not_pulled(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARRAQ_MODELS", str(tmp_path / "models"))
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[:-1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        pull_qwen(source=copy)
    (copy / "model.safetensors").write_bytes(whole)
    assert pull_qwen(source=copy).kind == "qwen-vl"
