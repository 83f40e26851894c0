"""Preparation for TrOCR: each step against what it is for, and the input against the library that defined it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.errors import ModelError, PageError
from ocr_core.recognizers.pictures import check_line, resize
from ocr_core.recognizers.trocr.images import (
    InputShape,
    adaptive_threshold,
    grey,
    median,
    model_input,
    non_local_means,
    prepared,
)


@pytest.fixture(scope="module")
def writing() -> np.ndarray:
    """A line of dark writing on light ground."""
    picture = np.full((48, 300), 220, np.uint8)
    cv2.putText(picture, "Kew, 14 June", (10, 34), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.1, 40, 2, cv2.LINE_AA)
    return picture


def test_grey_weighs_colours_as_eyes_do() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert grey(colours).tolist() == [[76, 150, 29, 255]]
    plain = np.zeros((3, 4), np.uint8)
    assert grey(plain) is plain


def test_non_local_means_takes_grain_and_keeps_writing(writing: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    grainy = np.clip(writing + rng.normal(0, 12, writing.shape), 0, 255).astype(np.uint8)
    clean = non_local_means(grainy)
    assert np.abs(clean.astype(int) - writing).mean() < 0.5 * np.abs(grainy.astype(int) - writing).mean()
    assert clean[writing < 60].mean() < 110


def test_the_median_takes_single_specks(writing: np.ndarray) -> None:
    specked = writing.copy()
    specked[5::9, 7::11] = 0
    lone = (specked == 0) & (cv2.erode(writing, np.ones((7, 7), np.uint8)) > 200)
    assert lone.sum() > 50
    assert (median(specked)[lone] > 200).all()


def test_the_threshold_follows_the_light(writing: np.ndarray) -> None:
    shade = np.linspace(0.4, 1, writing.shape[1])
    shaded = (writing * shade).astype(np.uint8)
    found = adaptive_threshold(shaded)
    assert set(np.unique(found)) == {0, 255}
    ink = writing < 80
    far = cv2.erode(writing, np.ones((9, 9), np.uint8)) > 210
    assert (found[ink] == 0).mean() > 0.8
    assert (found[far] == 255).mean() > 0.99
    # One threshold for all would have to fail: the ground on the dark side is darker than half the light side.
    assert shaded[far].min() < 0.5 * shaded[far].max()


def test_resizing_gives_the_size_whatever_the_proportions(writing: np.ndarray) -> None:
    assert resize(writing, 384, 384).shape == (384, 384)
    assert resize(writing, 32, 500).shape == (32, 500)


def test_steps_run_in_their_order(writing: np.ndarray) -> None:
    colour = np.dstack([writing] * 3)
    expected = adaptive_threshold(median(writing))
    assert np.array_equal(prepared(colour, ("median", "adaptive-threshold")), expected)
    assert np.array_equal(prepared(writing, ()), writing)


@pytest.mark.parametrize("resample", [2, 3])
def test_the_input_is_that_of_transformers(writing: np.ndarray, resample: int, tmp_path: Path) -> None:
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    values = {
        "size": {"height": 64, "width": 80}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2],
        "resample": resample,
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    theirs = ViTImageProcessorPil(**values)(np.dstack([writing] * 3), return_tensors="np")["pixel_values"][0]
    ours = model_input(writing, InputShape.load(tmp_path))
    assert ours.shape == theirs.shape == (3, 64, 80)
    assert np.abs(ours - theirs).max() < 1e-5


def test_a_size_may_be_one_number_and_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text('{"size": 384, "image_mean": [0.5]}')
    assert InputShape.load(tmp_path) == InputShape(384, 384)
    for broken in ("{}", "[]", '{"size": "large"}', "no json"):
        path.write_text(broken)
        with pytest.raises(ModelError, match="how pictures are prepared"):
            InputShape.load(tmp_path)
    with pytest.raises(ModelError):
        InputShape.load(tmp_path / "nowhere")


def test_what_is_no_line_is_refused(writing: np.ndarray) -> None:
    check_line(writing)
    for bad in (np.zeros((30, 40, 3), np.uint8), np.zeros((1, 40), np.uint8), np.zeros((3, 9000), np.uint8)):
        with pytest.raises(PageError):
            check_line(bad)
