"""A tiny Qwen-VL that reads the Arabic samples, and what is on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.pull import load_qwen
from ocr_core.recognizers.qwen.settings import QwenSettings
from tests.recognizers.qwen_tiny import SMALL, Lesson, arabic_lessons


@pytest.fixture(scope="session")
def lessons(samples: Path) -> list[Lesson]:
    """Every Arabic page of the samples and every line on it."""
    return arabic_lessons(samples, QwenSettings(**SMALL))


@pytest.fixture(scope="session")
def engine(tiny_qwen: Path) -> QwenPageRecognizer:
    loaded = load_qwen(QwenSettings(model=str(tiny_qwen), **SMALL), device="cpu")
    assert isinstance(loaded, QwenPageRecognizer)
    return loaded
