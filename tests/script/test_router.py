"""The packaged router on real and synthetic lines of the samples, and on what is no line at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save

from ocr_core.errors import ModelError
from ocr_core.ground_truth import read_page
from ocr_core.models import WEIGHTS
from ocr_core.records import LineImage, Script
from ocr_core.script.router import ScriptRouter
from ocr_core.script.text import script_of_text
from ocr_core.training.data.ground_truth import cut_lines, cuttable

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def router() -> ScriptRouter:
    return ScriptRouter.load()


def image_of(pixels: np.ndarray, name: str = "") -> LineImage:
    return LineImage(name, pixels, 0.7 * pixels.shape[0], np.eye(2, 3))


def sample_lines(name: str) -> tuple[list[LineImage], list[str]]:
    """The ground-truth lines of a sample page, cut as the pipeline cuts them, and their text."""
    page = next(p for p in (SAMPLES / "archive").rglob(f"{name}.*") if p.suffix in (".jpg", ".png"))
    grey = cv2.imdecode(np.fromfile(page, np.uint8), cv2.IMREAD_GRAYSCALE)
    lines = cuttable(read_page(SAMPLES / "ground_truth" / f"{name}.xml")).lines
    cut = [strip.faded() for strip in cut_lines(grey, lines)]
    return [image_of(pixels) for pixels in cut], [line.text for line in lines]


def decide(router: ScriptRouter, images: list[LineImage]):
    return router.route_page(router.route_lines(images), [image.pixels.shape[1] for image in images])


@pytest.mark.parametrize(
    ("name", "script", "hand"),
    [
        ("JDH_2_16_144_001", Script.LATIN, "hand"),
        ("JDH_2_16_145_001", Script.LATIN, "hand"),
        ("dracula_page_51", Script.LATIN, "print"),
        ("synthetic-arithmetic", Script.ARABIC, "print"),
        ("تاريخ-وهران-synthetic", Script.ARABIC, "print"),
    ],
)
def test_sample_pages_are_routed(router, name, script, hand):
    images, texts = sample_lines(name)
    page = decide(router, images)
    assert page.script is script
    assert page.confidence > 0.9
    assert {line.script for line in page.lines} == {script}
    lettered = [line for line, text in zip(page.lines, texts, strict=True) if script_of_text(text) is script]
    other = "print" if hand == "hand" else "hand"
    assert sum(line.hand == other for line in lettered) < 0.2 * len(lettered)
    assert sum(line.hand == hand for line in lettered) > 0.4 * len(lettered)


def test_mixed_page_is_routed_line_by_line(router):
    images, texts = sample_lines("synthetic-mixed")
    page = decide(router, images)
    assert page.script is Script.MIXED
    for line, text in zip(page.lines, texts, strict=True):
        expected = script_of_text(text)
        assert line.script is expected or expected is Script.NONE
        assert line.script in (Script.ARABIC, Script.LATIN)


def test_empty_list(router):
    assert router.route_lines([]) == []
    assert router.route_page([]).script is Script.NONE


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (3, 5000), (3000, 3), (64, 1), (5, 5)])
@pytest.mark.parametrize("fill", [0, 255, None])
def test_odd_images_get_an_answer(router, shape, fill):
    noise = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    pixels = noise if fill is None else np.full(shape, fill, np.uint8)
    (line,) = router.route_lines([image_of(pixels)])
    assert 0 <= line.confidence <= 1
    if fill is not None:
        assert line.script is Script.NONE


def test_empty_paper_and_rules_have_no_script(router):
    paper = np.random.default_rng(2).normal(220, 3, (90, 1200)).clip(0, 255).astype(np.uint8)
    ruled = paper.copy()
    ruled[60:62] = 120
    assert [line.script for line in router.route_lines([image_of(paper), image_of(ruled)])] == [
        Script.NONE
    ] * 2


def test_an_answer_does_not_depend_on_the_batch(router):
    images, _ = sample_lines("synthetic-mixed")
    together = router.route_lines(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = router.route_lines([image])
        assert alone.script is found.script
        assert alone.confidence == pytest.approx(found.confidence, abs=1e-4)
        assert alone.latin + alone.arabic + alone.other + alone.none == pytest.approx(1, abs=1e-4)


def test_images_are_not_changed(router):
    images, _ = sample_lines("synthetic-mixed")
    before = [image.pixels.copy() for image in images]
    router.route_lines(images)
    assert all(np.array_equal(image.pixels, old) for image, old in zip(images, before, strict=True))


def test_stamp_names_the_weights(router):
    assert router.stamp.name == "script-router"
    assert len(router.stamp.weights_sha256) == 64


def copied(folder: Path) -> Path:
    """A copy of the packaged model, the weights of which it returns."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS / f"script-router{suffix}", folder)
    return folder / "script-router.safetensors"


def test_weights_are_small_and_load_from_anywhere(tmp_path):
    assert copied(tmp_path).stat().st_size < 1_000_000
    assert ScriptRouter.load(folder=tmp_path).stamp == ScriptRouter.load().stamp


def test_damaged_weights_are_refused(tmp_path):
    weights = copied(tmp_path)
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        ScriptRouter.load(folder=tmp_path)


def test_truncated_weights_are_refused(tmp_path):
    weights = copied(tmp_path)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged"):
        ScriptRouter.load(folder=tmp_path)


@pytest.mark.parametrize("missing", [".safetensors", ".json"])
def test_missing_files_are_named_with_a_remedy(tmp_path, missing):
    weights = copied(tmp_path)
    weights.with_suffix(missing).unlink()
    with pytest.raises(ModelError) as caught:
        ScriptRouter.load(folder=tmp_path)
    assert caught.value.remedy


def test_weights_of_another_network_are_refused(tmp_path):
    weights = copied(tmp_path)
    data = save({"features.0.weight": torch.zeros(3)})
    card = weights.with_suffix(".json")
    old, new = ScriptRouter.load().stamp.weights_sha256, hashlib.sha256(data).hexdigest()
    card.write_text(card.read_text("utf-8").replace(old, new), "utf-8")
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="does not fit"):
        ScriptRouter.load(folder=tmp_path)
