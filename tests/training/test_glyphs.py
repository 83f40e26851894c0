"""Training on characters: whole writers held out, exact resuming, figures that mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ocr_core.audit.evaluation.glyphs import evaluate_glyphs
from ocr_core.errors import ModelError, UsageError
from ocr_core.models import read_card
from ocr_core.recognizers.glyphs.engine import GlyphRecognizer
from ocr_core.recognizers.glyphs.network import CLASSES
from ocr_core.training.checkpoints import CHECKPOINT
from ocr_core.training.glyphs.card import HeldOut
from ocr_core.training.glyphs.config import GlyphSetSettings, GlyphSettings
from ocr_core.training.glyphs.data import Distorter, _faint_dots, read_set
from ocr_core.training.glyphs.report import GlyphRates, confusion_html
from ocr_core.training.glyphs.train import train_glyphs
from ocr_core.training.settings import load_settings
from tests.conftest import ROOT

WRITERS = 8
SHAPES = 4


def shape(number: int, rng: np.random.Generator) -> np.ndarray:
    """A stroke, a V, a roof or a ring, white on black, 32 x 32."""
    picture = np.zeros((32, 32), np.uint8)
    x, y, r = (int(v) for v in rng.integers((13, 13, 7), (19, 19, 11)))
    ends = {0: [(0, -1), (0, 1)], 1: [(-1, -1), (0, 1), (1, -1)], 2: [(-1, 1), (0, -1), (1, 1)]}
    if number == 3:
        cv2.circle(picture, (x, y), r - 2, 255, 2, cv2.LINE_AA)
    else:
        points = np.array([(x + r * a, y + r * b) for a, b in ends[number]], np.int32)
        cv2.polylines(picture, [points], False, 255, 2, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of four characters by eight writers, each six times; labels 1 to 4, rows and columns exchanged."""
    folder = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(2)
    labels = np.tile(np.repeat(np.arange(SHAPES), 6), WRITERS)
    images = np.stack([shape(int(n), rng) for n in labels])
    np.savez(folder / "shapes.npz", images=images.transpose(0, 2, 1), labels=labels + 1)
    rows = images.transpose(0, 2, 1).reshape(len(images), -1)
    np.savetxt(folder / "images.csv", rows, fmt="%d", delimiter=",")
    np.savetxt(folder / "labels.csv", labels + 1, fmt="%d")
    return folder


SET = {
    "name": "shapes", "path": "shapes.npz", "first_class": 10, "first_label": 1, "transposed": True,
    "writer_pictures": 24, "held_out": 2,
}  # fmt: skip


def settings(data: Path, folder: Path, **schedule: object) -> GlyphSettings:
    values = {"epochs": 6, "batch": 16, "peak": 4e-3, "ema": 0.9, **schedule}
    return GlyphSettings.model_validate(
        {
            "name": "shapes", "data": data, "sets": [SET], "augment": 0.5, "schedule": values,
            "run": {"folder": folder, "precision": "fp32"},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_glyphs(settings(data, tmp_path_factory.mktemp("run"), refit_epochs=1))


def test_a_trained_network_reads_writers_it_never_saw(trained: Path, data: Path) -> None:
    card = read_card(trained)
    assert card.kind == "glyphs"
    [accuracy] = [f for f in card.figures if f.name == "accuracy shapes"]
    assert accuracy.lines == 48
    assert accuracy.value > 0.9
    reader = GlyphRecognizer.load("shapes", device="cpu", folder=trained.parent)
    found = evaluate_glyphs(reader, read_set(GlyphSetSettings.model_validate(SET), data))
    assert found.rates.pictures == 192
    assert found.rates.accuracy > 0.9
    lines = [json.loads(line) for line in (trained.parent / "metrics.jsonl").read_text().splitlines()]
    assert [v["epoch"] for v in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [v.get("refit", False) for v in lines] == [False] * 6 + [True]
    assert lines[5]["loss"] < lines[0]["loss"]


def test_the_figures_of_the_card_are_those_from_before_refitting(trained: Path) -> None:
    held = HeldOut.load(trained.parent)
    assert sorted(set(held.writers)) == [2, 6]  # evenly from the eight
    assert held.accuracy("shapes") == (
        pytest.approx(float((held.probabilities.argmax(1) == held.classes).mean())),
        48,
    )
    assert (trained.parent / "shapes.html").read_text("utf-8").startswith("<!doctype html>")


def test_an_interrupted_run_ends_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    straight = settings(data, tmp_path / "straight", epochs=2, kind="constant")
    train_glyphs(straight)
    broken = settings(data, tmp_path / "broken", epochs=2, kind="constant")
    train_glyphs(settings(data, tmp_path / "broken", epochs=1, kind="constant"))
    train_glyphs(broken)
    one, other = (torch.load(s.run.folder / CHECKPOINT, weights_only=True) for s in (straight, broken))
    assert one["step"] == other["step"]
    for part in ("network", "average"):
        assert one[part].keys() == other[part].keys()
        assert all(torch.equal(one[part][k], other[part][k]) for k in one[part])


def test_a_checkpoint_of_another_network_is_refused(trained: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes((trained.parent / CHECKPOINT).read_bytes())
    other = settings(data, tmp_path).model_copy(update={"network": "published"})
    with pytest.raises(ModelError, match="is of the compact network"):
        train_glyphs(other)
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="was not opened"):
        train_glyphs(settings(data, tmp_path))


def test_of_other_writers_one_picture_of_each_class_is_held_out_too(data: Path) -> None:
    found = read_set(GlyphSetSettings.model_validate(SET | {"held_out_each": 1}), data)
    assert set(found.writers[found.held & ~found.known]) == {2, 6}
    assert found.held.sum() == 2 * 24 + 6 * SHAPES
    pairs = list(zip(found.writers[found.known], found.classes[found.known], strict=True))
    assert len(set(pairs)) == len(pairs) == 6 * SHAPES
    places = np.flatnonzero(found.known) % 6  # within the six of a class, which follow each other
    assert set(places) == set(range(6))
    assert not read_set(GlyphSetSettings.model_validate(SET), data).known.any()


def test_figures_of_new_and_of_known_writers_are_told_apart(tmp_path: Path) -> None:
    right = np.eye(38, dtype=np.float32)[[10, 10, 11, 11]]
    held = HeldOut(
        ("shapes",), np.zeros(4, int), np.array([2, 2, 3, 3]), np.array([10, 12, 11, 11]), right,
        np.array([False, False, True, True]),
    )  # fmt: skip
    held.save(tmp_path)
    again = HeldOut.load(tmp_path)
    assert again.accuracy("shapes") == (0.5, 2)
    assert again.accuracy("shapes", known=True) == (1.0, 2)


def test_dots_fade_and_bodies_do_not() -> None:
    ink = np.zeros((32, 32), np.uint8)
    cv2.line(ink, (6, 24), (26, 24), 255, 3)
    ink[8:10, 15:17] = 240
    fainter = [_faint_dots(ink, np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.array_equal(f[20:], ink[20:]) for f in fainter)
    dots = [int(f[8, 15]) for f in fainter]
    assert 0.1 * 240 < min(dots) < 100 < max(dots) < 0.85 * 240
    assert np.array_equal(_faint_dots(ink[20:], np.random.default_rng(1)), ink[20:])


def test_csv_and_archive_give_the_same_set(data: Path) -> None:
    archive = read_set(GlyphSetSettings.model_validate(SET), data)
    tables = read_set(
        GlyphSetSettings.model_validate({**SET, "path": "images.csv", "labels": "labels.csv"}), data
    )
    assert np.array_equal(archive.ink, tables.ink)
    assert np.array_equal(archive.classes, tables.classes)
    assert archive.ink[0].any(1).sum() > archive.ink[0].any(0).sum()  # the stroke stands upright


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"path": "nowhere.npz"}, "is no set of pictures"),
        ({"path": "labels.csv"}, "is no set of pictures"),
        ({"first_label": 2}, "has labels 1 to 4"),
        ({"first_class": 36}, "has labels 1 to 4"),
    ],
)
def test_sets_that_do_not_fit_are_refused(change: dict[str, object], match: str, data: Path) -> None:
    with pytest.raises(UsageError, match=match):
        read_set(GlyphSetSettings.model_validate(SET | change), data)


def test_distortion_is_repeatable_and_none_shows_the_picture_as_inference_does(data: Path) -> None:
    ink = read_set(GlyphSetSettings.model_validate(SET), data).ink[30]
    distort = Distorter("compact", 1.0)
    one, same, other = (distort(ink, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    still = Distorter("compact", 0)(ink, np.random.default_rng(1))
    assert np.abs(one.astype(int) - still).mean() < 60


def test_rates_by_hand() -> None:
    rates = GlyphRates(
        np.array([10, 10, 11, 11, 12]), np.array([10, 11, 11, 12, 12]), np.array([0.95, 0.9, 0.85, 0.3, 0.8])
    )
    assert rates.accuracy == pytest.approx(3 / 5)
    assert rates.pairs() == [("ا", "ب", 1), ("ب", "ت", 1)]
    assert rates.by_class() == [("ا", 2, 0.5), ("ب", 2, 0.5), ("ت", 1, 1.0)]
    # 0.9 and up: mean 0.925, one of two right; 0.8–0.9: mean 0.825, all right; 0.3: none right.
    assert rates.calibration_error == pytest.approx((2 * 0.425 + 2 * 0.175 + 0.3) / 5)
    html = confusion_html("<t>", rates, [np.zeros((8, 8), np.uint8)] * 5)
    assert "&lt;t&gt;" in html
    assert html.count("<figure>") == 2


def test_the_packaged_configurations_are_valid(tmp_path: Path) -> None:
    for name in ("glyphs", "glyphs-published"):
        found = load_settings(GlyphSettings, ROOT / f"ocr_core/training/configs/{name}.toml", data=tmp_path)
        assert found.name == name
        assert {s.first_class for s in found.sets} == {0, CLASSES.index("ا")}
    with pytest.raises(ValidationError):
        GlyphSettings.model_validate({"sets": []})
