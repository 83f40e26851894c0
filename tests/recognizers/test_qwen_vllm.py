"""Qwen-VL by way of vLLM's interface, on a stand-in for it: what is asked, and what is made of the answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ocr_core.errors import MissingDependency, ModelError, PageError, UsageError
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.recognizers.qwen.pull import load_qwen, qwen_stamp
from ocr_core.recognizers.qwen.settings import QwenSettings
from ocr_core.recognizers.qwen.vllm import _ENVIRONMENT
from tests.recognizers import vllm_standin
from tests.recognizers.qwen_tiny import SMALL, Lesson, good, save_endless_qwen, save_tiny_qwen


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, module in vllm_standin.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in _ENVIRONMENT:  # so that what is set meanwhile is taken back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield


def reader(folder: Path, **more: object) -> QwenPageRecognizer:
    settings = QwenSettings.model_validate({"model": str(folder), "backend": "vllm", **SMALL, **more})
    loaded = load_qwen(settings)
    assert isinstance(loaded, QwenPageRecognizer)
    return loaded


def test_texts_and_confidence_are_those_of_the_other_backend(
    engine: QwenPageRecognizer, tiny_qwen: Path, lessons: list[Lesson]
) -> None:
    requests = [lesson.request for lesson in lessons[:6:2]]
    by_vllm = reader(tiny_qwen)
    for one, other in zip(good(by_vllm.readings(requests)), good(engine.readings(requests)), strict=True):
        assert one.rows and [[w.text for w in row] for row in one.rows] == [
            [w.text for w in row] for row in other.rows
        ]
        assert one.flags == other.flags == ()
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
    assert by_vllm.stamp != engine.stamp
    assert dict(by_vllm.stamp.settings)["backend"] == "vllm"
    model = vllm_standin.LLM.last
    assert model is not None and (model.dtype, model.share) == ("bfloat16", 0.85)
    assert all(p.temperature == 0 and p.logprobs == 0 and not p.detokenize for p in model.asked)


def test_the_stamp_of_the_usual_backend_does_not_name_it(tiny_qwen: Path) -> None:
    assert "backend" not in dict(qwen_stamp(QwenSettings(model=str(tiny_qwen))).settings)


def test_loops_and_texts_without_end_are_told(tmp_path: Path, lessons: list[Lesson]) -> None:
    looping = reader(save_tiny_qwen(tmp_path / "loops", tied=True), retries=0, line_tokens=400)
    request = Request(lessons[1].request.pixels, "card", SMALL["line_pixels"], 400)
    [found] = good(looping.readings([request]))
    assert "loop" in found.flags and "truncated" not in found.flags
    assert len(found.text) < 400
    endless = reader(save_endless_qwen(tmp_path / "endless"), retries=0)
    [found] = good(endless.readings([lessons[1].request]))
    assert {"truncated", "broken-text"} <= set(found.flags)


def test_a_picture_that_breaks_a_call_fails_alone(tiny_qwen: Path, lessons: list[Lesson]) -> None:
    fatal = Request(np.full((28, 2800), 200, np.uint8), "card", 28 * 2800, 8)
    answers = reader(tiny_qwen, line_pixels=28 * 2800).readings(
        [lessons[1].request, fatal, lessons[2].request]
    )
    assert isinstance(answers[1], PageError) and "no such picture" in answers[1].message
    assert [a.text for a in good([answers[0], answers[2]])] == [lessons[1].text, lessons[2].text]


def test_what_is_missing_is_said(tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="not cpu"):
        load_qwen(QwenSettings(model=str(tiny_qwen), backend="vllm"), device="cpu")
    monkeypatch.setattr(vllm_standin.LLM, "__init__", lambda self, **_: 1 / 0)
    with pytest.raises(ModelError, match="vLLM cannot load"):
        reader(tiny_qwen)
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingDependency, match="backend vllm"):
        reader(tiny_qwen)
