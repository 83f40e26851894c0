"""A language model and a reader measured together: held-out pages only, and a card that the reader then uses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ocr_core.audit.evaluation.language import measure_language_model
from ocr_core.errors import NothingToDo
from ocr_core.models import WEIGHTS
from ocr_core.recognizers.crnn.engine import CrnnRecognizer
from ocr_core.training.crnn.config import TrainSettings
from tests.conftest import ROOT


def _settings(folder: Path, dev: list[str]) -> TrainSettings:
    corpus = {"name": "letters", "path": "letters", "document": r"_(\d+)_\d+$", "dev_fraction": 0, "dev": dev}
    return TrainSettings.model_validate(
        {"data": folder, "corpora": [corpus], "run": {"folder": folder / "run"}}
    )


@pytest.fixture
def letters(samples: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for name in ("JDH_2_16_144_002", "JDH_2_16_145_001"):
        shutil.copy(ROOT / "samples" / "ground_truth" / f"{name}.xml", folder)
        shutil.copy(samples / "letters" / f"{name}.jpg", folder)
    for suffix in ("json", "safetensors"):
        shutil.copy(WEIGHTS / f"lm-latin.{suffix}", tmp_path)
    return tmp_path


def test_the_card_gains_figures_and_calibration(letters: Path) -> None:
    card = measure_language_model(letters / "lm-latin.json", "crnn-latin", _settings(letters, ["144"]))
    figures = {figure.name: figure for figure in card.figures}
    lines = (letters / "letters" / "JDH_2_16_144_002.xml").read_text("utf-8").count("<TextLine")
    assert 0 < figures["CER letters with crnn-latin"].lines <= lines
    assert figures["CER letters with crnn-latin"].value < 0.4
    assert not any(name.startswith("CER hooker") for name in figures)  # of the card before
    rights = [right for _, right in card.calibration]
    assert rights == sorted(rights)
    engine = CrnnRecognizer.load("crnn-latin", decoding="beam", language_folder=letters)
    assert dict(engine.stamp.settings)["language_model"] == card.sha256


def test_without_held_out_pages_there_is_nothing_to_measure(letters: Path) -> None:
    with pytest.raises(NothingToDo):
        measure_language_model(letters / "lm-latin.json", "crnn-latin", _settings(letters, []))


def test_synthetic_arabic_is_measured_in_reading_order(tmp_path: Path, arabic_font: Path) -> None:
    for suffix in ("json", "safetensors"):
        shutil.copy(WEIGHTS / f"lm-ar.{suffix}", tmp_path)
    text = "كتاب التاريخ الكبير في أخبار الزمان\nوقال الشيخ رحمه الله تعالى في هذا الباب\n"
    (tmp_path / "text.txt").write_text(text, "utf-8")
    drawn = {"lines": 24, "fonts": arabic_font.parent, "processes": 1, "hand": 0}
    corpus = {
        "name": "drawn",
        "format": "synthetic",
        "path": "text.txt",
        "dev_fraction": 1,
        "synthetic": drawn,
    }
    corpora = TrainSettings.model_validate(
        {"data": tmp_path, "order": "drawn", "corpora": [corpus], "run": {"folder": tmp_path / "run"}}
    )
    card = measure_language_model(tmp_path / "lm-ar.json", "crnn-ar", corpora)
    [rate] = [f for f in card.figures if f.name == "CER drawn with crnn-ar"]
    assert rate.lines > 15
    assert rate.value < 0.4  # lines read backwards are near 1
