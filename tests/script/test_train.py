from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ocr_core.errors import UsageError
from ocr_core.records import EngineStamp
from ocr_core.script.corpus import (
    ARABIC,
    HAND,
    LATIN,
    NONE,
    PRINT,
    Sample,
    arabic_text,
    has_letters,
    ink_mask,
)
from ocr_core.script.fit import calibrate, fit, window_of
from ocr_core.script.measure import measure_samples
from ocr_core.script.network import ScriptNet
from ocr_core.script.router import ScriptRouter
from ocr_core.script.train import TrainScriptConfig, train_script
from ocr_core.script.windows import HEIGHT, WIDTH


def striped(script: int, hand: int, step: tuple[int, int], rng: np.random.Generator) -> Sample:
    """A line of upright or level strokes: classes that a network can tell apart within seconds."""
    image = np.full((72, 600), 225, np.uint8)
    image[12 : 60 : step[0], 20 : 580 : step[1]] = 30
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    return Sample(noisy, script, hand, f"made-{script}")


def test_unknown_settings_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="speed"):
        TrainScriptConfig(data=tmp_path, out=tmp_path / "x.safetensors", speed=3)


def test_missing_data_is_named(tmp_path):
    with pytest.raises(UsageError, match="hooker"):
        train_script(TrainScriptConfig(data=tmp_path, out=tmp_path / "x.safetensors"))


def test_a_few_steps_learn_what_is_easy():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    samples = [striped(LATIN, HAND, (1, 9), rng) for _ in range(6)]
    samples += [striped(ARABIC, PRINT, (9, 1), rng) for _ in range(6)]
    network = ScriptNet(dropout=0.0)
    fit(network, samples, steps=30, batch=16, rate=5e-3, minutes=1, rng=rng)
    calibrate(network, samples)
    assert float(network.temperature) > 0
    router = ScriptRouter(network, EngineStamp("test", "0"))
    assert [figure.value for figure in measure_samples(router, samples)] == [1.0, 1.0]


def test_windows_for_training_have_the_network_s_shape():
    rng = np.random.default_rng(4)
    for width in (10, 100, 2000):
        image = np.full((72, width), 220, np.uint8)
        image[20:50, ::12] = 40
        for pad in (0.0, 0.25):
            window, script, hand = window_of(Sample(image, LATIN, HAND, "made", pad), rng)
            assert window.shape == (HEIGHT, WIDTH)
            assert window.dtype == np.float32
            assert (script, hand) in {(LATIN, HAND), (NONE, -1)}


def test_empty_windows_are_labelled_as_nothing_to_read():
    blank = Sample(np.full((72, 400), 220, np.uint8), LATIN, HAND, "made")
    assert window_of(blank, np.random.default_rng(0))[1:] == (NONE, -1)


def test_ink_of_a_line_becomes_a_mask():
    image = np.full((72, 300), 200, np.uint8)
    image[30:40, 50:250] = 40
    mask = ink_mask(image)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[35, 100] == 255
    assert mask[10, 100] == 0


def test_arabic_text_comes_from_its_lines():
    rng = np.random.default_rng(0)
    made = [arabic_text(["كتاب التاريخ القديم"], rng) for _ in range(100)]
    assert all(has_letters(text) for text in made)
    assert "كتاب" in made
