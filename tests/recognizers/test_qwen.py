"""The Qwen-VL engine on a tiny model that reads the Arabic samples, and on untrained ones, which write nonsense."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from ocr_core.errors import ModelError, PageError
from ocr_core.recognizers.loops import loop_length
from ocr_core.recognizers.qwen import QwenPageRecognizer, Reading
from ocr_core.recognizers.qwen_batches import Batches
from ocr_core.recognizers.qwen_eyes import ease_eyes
from ocr_core.recognizers.qwen_file import QwenFolder, load_folder
from ocr_core.recognizers.qwen_generate import Generated, generate
from ocr_core.recognizers.qwen_inputs import Request, model_inputs, plan_batches, prepare, size_for
from ocr_core.recognizers.qwen_pull import load_qwen, pull_qwen, qwen_stamp
from ocr_core.recognizers.qwen_settings import QwenSettings
from ocr_core.recognizers.qwen_text import token_bytes, words_of
from ocr_core.records import Failure, PagePicture, PageText
from tests.recognizers.qwen_tiny import (
    SMALL,
    Lesson,
    arabic_lessons,
    save_endless_qwen,
    save_sibling,
    save_tiny_qwen,
)


@pytest.fixture(scope="module")
def lessons(samples: Path) -> list[Lesson]:
    return arabic_lessons(samples, QwenSettings(**SMALL))


@pytest.fixture(scope="module")
def engine(tiny_qwen: Path) -> QwenPageRecognizer:
    loaded = load_qwen(QwenSettings(model=str(tiny_qwen), **SMALL), device="cpu")
    assert isinstance(loaded, QwenPageRecognizer)
    return loaded


@pytest.fixture
def copy(tiny_qwen: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_qwen, tmp_path / "copy")


def untrained(folder: Path, *, settings: dict[str, Any] | None = None, **how: Any) -> QwenPageRecognizer:
    wanted = QwenSettings(
        model=str(save_tiny_qwen(folder, **how)), **SMALL | {"retries": 0} | (settings or {})
    )
    loaded = load_qwen(wanted, device="cpu")
    assert isinstance(loaded, QwenPageRecognizer)
    return loaded


def inputs_of(loaded: QwenFolder, requests: Sequence[Request]) -> Any:
    return model_inputs(loaded, prepare(loaded, requests))


def good(answers: Sequence[Reading | PageError]) -> list[Reading]:
    assert all(isinstance(answer, Reading) for answer in answers)
    return list(answers)  # type: ignore[arg-type]


# -- reading ----------------------------------------------------------------------------------------------------


def test_pages_and_lines_are_read_to_the_letter_in_any_company(
    engine: QwenPageRecognizer, lessons: list[Lesson]
) -> None:
    chosen = [lessons[0], *lessons[1:8], *lessons[20:26]]
    together = good(engine.readings([lesson.request for lesson in chosen]))
    backwards = good(engine.readings([lesson.request for lesson in chosen[::-1]]))[::-1]
    alone = [good(engine.readings([lesson.request]))[0] for lesson in chosen]
    for lesson, *readings in zip(chosen, together, backwards, alone, strict=True):
        for reading in readings:
            assert [" ".join(word.text for word in row) for row in reading.rows] == lesson.text.split("\n")
            assert reading.flags == ()
            assert reading.confidence == pytest.approx(readings[0].confidence, abs=1e-4)


@pytest.mark.parametrize(
    "change", [{"static_cache": True}, {"dtype": "bfloat16"}, {"batch_tokens": 300, "batch_rows": 2}]
)
def test_other_ways_to_calculate_read_the_same(
    change: dict[str, Any], tiny_qwen: Path, lessons: list[Lesson]
) -> None:
    other = load_qwen(QwenSettings.model_validate({"model": str(tiny_qwen), **SMALL, **change}), device="cpu")
    chosen = lessons[1:12:3]
    assert [reading.text for reading in good(other.readings([lesson.request for lesson in chosen]))] == [
        lesson.text for lesson in chosen
    ]


def test_pictures_seen_in_portions_read_the_same(tiny_qwen: Path, lessons: list[Lesson]) -> None:
    other = load_qwen(QwenSettings.model_validate({"model": str(tiny_qwen), **SMALL}), device="cpu")
    ease_eyes(other._loaded.model, portion=100)
    chosen = [lessons[0], *lessons[1:12:3]]
    read = good(other.readings([lesson.request for lesson in chosen]))
    assert [reading.text for reading in read] == [" ".join(lesson.text.split()) for lesson in chosen]


def test_confidence_is_what_the_model_itself_gives_to_its_tokens(
    engine: QwenPageRecognizer, lessons: list[Lesson]
) -> None:
    """Against one pass over the finished text, without any cache."""
    loaded = engine._loaded
    requests = [lesson.request for lesson in lessons[1:4]]
    inputs = inputs_of(loaded, requests)
    for row, generated in enumerate(generate(loaded, inputs, 48)):
        single = dict(inputs_of(loaded, [requests[row]]))
        tokens = torch.tensor([[*generated.tokens, loaded.model.config.text_config.eos_token_id]])
        width = single["input_ids"].shape[1]
        for name, more in (
            ("input_ids", tokens),
            ("attention_mask", torch.ones_like(tokens)),
            ("mm_token_type_ids", torch.zeros_like(tokens)),
        ):
            single[name] = torch.cat([single[name], more.to(single[name].dtype)], 1)
        with torch.inference_mode():
            logits = loaded.model(**single).logits[0, width - 1 : -1]
        expected = logits.float().log_softmax(1).gather(1, tokens[0, :, None]).squeeze(1)
        assert generated.ended
        assert torch.tensor(generated.log_probs) == pytest.approx(expected, abs=1e-3)


def test_a_drawn_text_is_drawn_the_same_again_and_in_any_company(
    tmp_path: Path, lessons: list[Lesson]
) -> None:
    loaded = load_folder(save_tiny_qwen(tmp_path / "m", spread=0.3))
    requests = [lesson.request for lesson in lessons[1:4]]
    together = [g.tokens for g in generate(loaded, inputs_of(loaded, requests), 20, 0.8)]
    alone = [generate(loaded, inputs_of(loaded, [r]), 20, 0.8)[0].tokens for r in requests]
    likeliest = [g.tokens for g in generate(loaded, inputs_of(loaded, requests), 20)]
    assert together == alone
    assert together != likeliest


def test_a_model_that_repeats_itself_is_stopped_and_says_so(tmp_path: Path, lessons: list[Lesson]) -> None:
    folder = save_tiny_qwen(tmp_path / "m", tied=True)
    loaded = load_folder(folder)
    generated = generate(loaded, inputs_of(loaded, [lessons[1].request]), 400)[0]
    assert generated.loops and not generated.ended
    assert len(generated.tokens) < 60
    assert len(generated.tokens) == len(generated.log_probs)
    reader = load_qwen(QwenSettings(model=str(folder), **SMALL), device="cpu")
    assert "loop" in good(reader.readings([lessons[1].request]))[0].flags


def test_a_model_that_never_stops_writes_broken_text_and_says_so(
    tmp_path: Path, lessons: list[Lesson]
) -> None:
    settings = QwenSettings(model=str(save_endless_qwen(tmp_path / "m")), **SMALL, retries=0)
    reader = load_qwen(settings, device="cpu")
    assert isinstance(reader, QwenPageRecognizer)
    pages = [
        PagePicture(f"{'ab' * 8}-0000{n}", lesson.request.pixels) for n, lesson in enumerate(lessons[:3])
    ]
    for page, answer in zip(pages, reader.recognize_pages(pages), strict=True):
        assert isinstance(answer, PageText)
        assert answer.page_id == page.page_id
        assert {"truncated", "broken-text"} <= set(answer.flags)
        assert 0 < answer.confidence < 1


def test_a_text_that_went_wrong_is_asked_for_in_other_ways_and_the_best_stays(
    engine: QwenPageRecognizer, lessons: list[Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model knows its lines by the question of the card only: asked the other one first, it must find back to this."""
    asked: list[Request] = []
    real = engine._generate

    def cut_short(requests: Sequence[Request]) -> list[Generated]:
        asked.extend(requests)
        return [
            found
            if request.prompt == "card"
            else Generated(found.tokens[:2], found.log_probs[:2], ended=False)
            for request, found in zip(requests, real(requests), strict=True)
        ]

    monkeypatch.setattr(engine, "_generate", cut_short)
    lesson = lessons[3]
    other = Request(lesson.request.pixels, "training", lesson.request.most_pixels, lesson.request.new_tokens)
    [reading] = good(engine.readings([other]))
    assert reading.text == lesson.text and not reading.flags
    assert [request.prompt for request in asked] == ["training", "training", "card"]
    assert asked[1].most_pixels < asked[0].most_pixels


# -- what goes wrong --------------------------------------------------------------------------------------------


def requests_of(count: int) -> list[Request]:
    return [Request(np.full((28, 28 * (n + 1)), n, np.uint8), "card", 1_000_000, 10) for n in range(count)]


class Model:
    """Reads the grey of each picture; fails as it is told."""

    def __init__(self, *, most: int = 1000, bad: frozenset[int] = frozenset(), error: str = "odd") -> None:
        self.most, self.bad, self.error = most, bad, error
        self.sizes: list[int] = []

    def __call__(self, requests: Sequence[Request]) -> list[Generated]:
        self.sizes.append(len(requests))
        if len(requests) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        if any(int(r.pixels[0, 0]) in self.bad for r in requests):
            raise RuntimeError(self.error)
        return [Generated((int(r.pixels[0, 0]),), (0.0,), True) for r in requests]


def read_by(model: Model, count: int, batches: Batches | None = None) -> list[int | str]:
    answers = (batches or Batches(100_000, 16, 28)).run(requests_of(count), model)
    return [answer.kind if isinstance(answer, PageError) else answer.tokens[0] for answer in answers]


def test_a_picture_that_breaks_the_model_fails_alone() -> None:
    model = Model(bad=frozenset({3, 9}))
    assert read_by(model, 12) == [0, 1, 2, "engine-error", 4, 5, 6, 7, 8, "engine-error", 10, 11]


@pytest.mark.parametrize("most", [1, 3])
def test_batches_shrink_until_they_fit_and_stay_small(most: int) -> None:
    model, batches = Model(most=most), Batches(100_000, 16, 28)
    assert read_by(model, 12, batches) == list(range(12))
    model.sizes.clear()
    assert read_by(model, 12, batches) == list(range(12))
    assert max(model.sizes) <= 2 * most


def test_a_picture_for_which_there_is_never_memory_fails_alone() -> None:
    model = Model(bad=frozenset({5}), error="[enforce fail] DefaultCPUAllocator: can't allocate memory")
    assert read_by(model, 8) == [0, 1, 2, 3, 4, "out-of-memory", 6, 7]


def test_a_lost_gpu_is_not_asked_in_vain() -> None:
    model = Model(bad=frozenset({0}), error="CUDA error: device-side assert triggered")
    assert read_by(model, 8) == ["gpu-error"] * 8
    assert len(model.sizes) == 1


def test_batches_hold_like_costs_and_keep_the_budget() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        costs = rng.integers(1, 500, int(rng.integers(0, 40))).tolist()
        budget, rows = int(rng.integers(100, 3000)), int(rng.integers(1, 12))
        plan = plan_batches(costs, budget, rows)
        assert sorted(place for batch in plan for place in batch) == list(range(len(costs)))
        for batch in plan:
            assert len(batch) <= rows
            assert len(batch) == 1 or max(costs[p] for p in batch) * len(batch) <= budget
        ordered = [costs[p] for batch in plan for p in batch]
        assert ordered == sorted(costs, reverse=True)


def test_a_page_that_is_no_picture_fails_alone(engine: QwenPageRecognizer, lessons: list[Lesson]) -> None:
    page = PagePicture("p-00001", lessons[0].request.pixels)
    bad = [
        PagePicture("p-00002", np.zeros((5, 900), np.uint8)),
        PagePicture("p-00003", np.zeros((90, 90, 3), np.uint8)),
        PagePicture("p-00004", np.zeros((30, 9000), np.uint8)),
    ]
    answers = engine.recognize_pages([bad[0], page, *bad[1:]])
    assert [type(answer) for answer in answers] == [Failure, PageText, Failure, Failure]
    assert [answer.page_id for answer in answers] == ["p-00002", "p-00001", "p-00003", "p-00004"]
    assert engine.recognize_pages([]) == []


# -- text -------------------------------------------------------------------------------------------------------


def test_tokens_become_the_text_that_the_tokenizer_gives(engine: QwenPageRecognizer) -> None:
    tokenizer: Any = engine._loaded.tokenizer
    text = "يعني ان  من\n\nالحساب ١٢٣ a-b \u200fé€\U0001f600 \n والتّسمية"
    tokens = tokenizer(text)["input_ids"]
    assert b"".join(token_bytes(tokenizer, t) for t in tokens).decode() == text
    lines = words_of(tokenizer, tokens, [-0.5] * len(tokens))
    assert [[word.text for word in line] for line in lines] == [
        ["يعني", "ان", "من"], ["الحساب", "١٢٣", "a-b", "é€\U0001f600"], ["والتّسمية"],
    ]  # fmt: skip
    assert all(word.confidence == pytest.approx(np.exp(-0.5)) for line in lines for word in line)


def test_bytes_that_are_no_text_are_shown_as_such_and_spoil_nothing_else(engine: QwenPageRecognizer) -> None:
    tokenizer: Any = engine._loaded.tokenizer
    half = tokenizer.convert_tokens_to_ids("Ø")  # the first byte of an Arabic letter
    good_word = tokenizer(" باب")["input_ids"]
    lines = words_of(tokenizer, [half, *good_word, half], [-2.0, *[0.0] * len(good_word), -2.0])
    assert [[word.text for word in line] for line in lines] == [["�", "باب�"]]


def test_loops_are_cut_to_what_they_repeat() -> None:
    assert loop_length([1, 2, *[7, 8, 9] * 9]) == 24
    assert loop_length([5] * 30) == 29
    assert loop_length([1, 2, 3] * 7) == 0  # too short to be sure
    assert loop_length([*[5] * 40, 6]) == 0


# -- pictures ---------------------------------------------------------------------------------------------------


def test_pictures_have_the_size_that_the_processor_wants(engine: QwenPageRecognizer) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        height, width = (int(n) for n in rng.integers(28, 600, 2))
        request = Request(rng.integers(0, 255, (height, width), dtype=np.uint8), "card", 40_000, 8)
        inputs = inputs_of(engine._loaded, [request])
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


# -- the folder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "factor"), [("qwen2_vl", 28), ("qwen3_vl", 32)])
def test_the_siblings_are_read_with_too(kind: str, factor: int, tmp_path: Path) -> None:
    folder = save_sibling(save_tiny_qwen(tmp_path / "tiny"), tmp_path / kind, kind)
    reader = load_qwen(QwenSettings(model=str(folder), page_tokens=8, retries=0), device="cpu")
    assert isinstance(reader, QwenPageRecognizer)
    assert reader._loaded.factor == factor
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


# -- settings and pulling ---------------------------------------------------------------------------------------


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


def test_a_pulled_model_is_held_to_its_files(
    tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARRAQ_MODELS", str(tmp_path / "models"))
    with pytest.raises(ModelError, match=r"not on this machine\s+Run `warraq models pull qwen-vl-arabic`"):
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
