"""Synthetic Arabic lines: what stands in the picture and what a reader is to write."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from ocr_core.bidi import turned
from ocr_core.errors import UsageError
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.data.cache import NOMINAL, LineCache, prepare
from ocr_core.training.data.corpora import CorpusSettings, SyntheticSettings
from ocr_core.training.data.inspection import inspect_corpora
from ocr_core.training.language.train import split_texts
from ocr_core.training.settings import RunSettings
from ocr_core.training.synthetic.arabic import ARABIC
from ocr_core.training.synthetic.lines import PAD, draw_line, synthetic_lines

TEXTS = ("كتاب التاريخ الكبير في أخبار الزمان", "وقال الشيخ رحمه الله تعالى", "مُحَمَّدٌ رسولـه")


def settings(folder: Path, font: Path, lines: int) -> TrainSettings:
    (folder / "text.txt").write_text("\n".join(TEXTS), "utf-8")
    corpus = CorpusSettings(
        name="drawn", format="synthetic", path=Path("text.txt"), dev_fraction=0,
        synthetic=SyntheticSettings(lines=lines, fonts=font.parent, processes=1),
    )  # fmt: skip
    return TrainSettings(
        data=folder, order="drawn", corpora=(corpus,), run=RunSettings(folder=folder / "run")
    )


def test_lines_are_transcribed_without_vowel_signs_and_in_an_order_that_comes_back() -> None:
    rng = np.random.default_rng(3)
    made = [ARABIC.typeset(TEXTS, rng) for _ in range(400)]
    assert any(unicodedata.combining(c) for line in made for c in line.drawn)
    assert any("ـ" in line.drawn for line in made)
    for line in made:
        assert not any(unicodedata.combining(c) or c == "ـ" for c in line.text)
        assert turned(turned(line.text)) == line.text
    kept = [line for line in made if line.text]
    assert len(kept) > 350
    assert len({line.text for line in kept}) > 200


@pytest.mark.parametrize("hand", [False, True])
def test_a_line_is_dark_on_light_and_fills_its_strip(arabic_font: Path, hand: bool) -> None:
    for seed in range(4):
        strip = draw_line("كتاب التاريخ الكبير", arabic_font, np.random.default_rng(seed), ARABIC, hand=hand)
        assert strip.shape[0] == NOMINAL + 2 * PAD
        middle = strip[PAD : PAD + NOMINAL, PAD:-PAD].astype(float)
        assert middle.min() < strip.mean() - 40
        dark = (middle < (middle.min() + np.median(middle)) / 2).any(axis=1)
        assert dark.sum() > NOMINAL / 3


def test_a_longer_text_is_a_longer_line(arabic_font: Path) -> None:
    short, long = (
        draw_line(text, arabic_font, np.random.default_rng(1), ARABIC, hand=False).shape[1]
        for text in ("كتاب", "كتاب " * 5)
    )
    assert long > 3 * (short - 2 * PAD)


def test_the_cache_holds_them_as_they_stand_and_is_the_same_again(arabic_font: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (
        LineCache(prepare(settings(tmp_path / name, arabic_font, 12), drawn=True)) for name in "ab"
    )
    assert len(first) >= 9
    assert first.table["text"] == second.table["text"]
    for row in range(len(first)):
        line = first[row]
        assert (line.top, line.left) == (PAD, PAD)
        np.testing.assert_array_equal(line.pixels, second[row].pixels)
    words = {turned(word) for text in TEXTS for word in text.split()}
    assert any(set(text.split()) & words for text in first.table["text"])


def test_a_report_on_them_can_be_made(arabic_font: Path, tmp_path: Path) -> None:
    wanted = settings(tmp_path, arabic_font, 10)
    report = inspect_corpora(wanted.corpora, wanted.data)
    assert len(report.samples) == 10
    assert all(sample.height == NOMINAL and sample.defect == "" for sample in report.samples)


def test_a_language_model_is_made_of_texts_as_they_stand(arabic_font: Path, tmp_path: Path) -> None:
    train, _ = split_texts(settings(tmp_path, arabic_font, 50))
    assert len(train["drawn"]) > 150
    assert any(turned("التاريخ") in text for text in train["drawn"])
    assert not any("التاريخ" in text for text in train["drawn"])


def test_missing_text_and_missing_fonts_are_told(tmp_path: Path) -> None:
    wanted = SyntheticSettings(lines=1, fonts=tmp_path, processes=1)
    with pytest.raises(UsageError, match="No text"):
        list(synthetic_lines(tmp_path / "none.txt", wanted, 1))
    (tmp_path / "text.txt").write_text("كتاب", "utf-8")
    with pytest.raises(UsageError, match="No Arabic font"):
        list(synthetic_lines(tmp_path / "text.txt", wanted, 1))


def test_english_lines_stand_in_reading_order_with_plain_quotation_marks(
    arabic_font: Path, tmp_path: Path
) -> None:
    prose = (
        "He said: “I’ve been to Kew — and to Sikkim, and _never_ saw a finer orchid than this one.”\n\n" * 8
    )
    (tmp_path / "prose.txt").write_text(prose, "utf-8")
    wanted = SyntheticSettings(script="latin", lines=12, fonts=arabic_font.parent, hand=1.0, processes=1)
    lines = list(synthetic_lines(tmp_path / "prose.txt", wanted, 1))
    assert len(lines) == 12
    assert all(line.text.isascii() and "_" not in line.text for line in lines)
    assert all(line.pixels.shape[0] == NOMINAL + 2 * PAD for line in lines)
    assert any(" & " in f" {line.text} " for line in lines)
    words = {"Kew", "Sikkim,", "orchid"}
    assert any(words & set(line.text.split()) for line in lines)
