"""The Qwen-VL engine on a tiny model that reads the Arabic samples, and on untrained ones, which write nonsense."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.eyes import ease_eyes
from ocr_core.recognizers.qwen.file import load_folder
from ocr_core.recognizers.qwen.generate import Generated, generate
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.recognizers.qwen.pull import load_qwen
from ocr_core.recognizers.qwen.settings import QwenSettings
from ocr_core.records import PagePicture, PageText
from tests.recognizers.qwen_tiny import SMALL, Lesson, good, inputs_of, save_endless_qwen, save_tiny_qwen


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
    ease_eyes(other.writer.loaded.model, portion=100)
    chosen = [lessons[0], *lessons[1:12:3]]
    read = good(other.readings([lesson.request for lesson in chosen]))
    assert [reading.text for reading in read] == [" ".join(lesson.text.split()) for lesson in chosen]


def test_confidence_is_what_the_model_itself_gives_to_its_tokens(
    engine: QwenPageRecognizer, lessons: list[Lesson]
) -> None:
    """Against one pass over the finished text, without any cache."""
    loaded = engine.writer.loaded
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
    real = engine.writer.generate

    def cut_short(requests: Sequence[Request]) -> list[Generated]:
        asked.extend(requests)
        return [
            found
            if request.prompt == "card"
            else Generated(found.tokens[:2], found.log_probs[:2], ended=False)
            for request, found in zip(requests, real(requests), strict=True)
        ]

    monkeypatch.setattr(engine.writer, "generate", cut_short)
    lesson = lessons[3]
    other = Request(lesson.request.pixels, "training", lesson.request.most_pixels, lesson.request.new_tokens)
    [reading] = good(engine.readings([other]))
    assert reading.text == lesson.text and not reading.flags
    assert [request.prompt for request in asked] == ["training", "training", "card"]
    assert asked[1].most_pixels < asked[0].most_pixels
