"""Language models from a training configuration: held-out documents stay out, the card says what went in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.models import read_card, sha256_of
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.crnn.export import package
from ocr_core.training.language.train import load_ngram_config, split_texts, train_ngram

READER = """
name = "tiny"
data = "nowhere"
[run]
folder = "runs"
[[corpora]]
name = "letters"
path = "letters"
document = '^([a-z])_'
dev_fraction = 0
dev = ["c"]
exclude = ["b"]
licence = "CC0"
source = "drawn here"
"""
CONFIG = """
name = "words"
corpora = "reader.toml"
order = 3
least = [1, 1, 1]
[decoding]
alpha = 0.7
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "reader.toml").write_text(READER, "utf-8")
    (tmp_path / "words.toml").write_text(CONFIG, "utf-8")
    return tmp_path / "words.toml"


def test_a_configuration_makes_a_model_that_can_be_packaged(
    config: Path, letters: Path, tmp_path: Path
) -> None:
    written = train_ngram(load_ngram_config(config), tmp_path / "out", letters.parent)
    card = read_card(written)
    assert (card.kind, card.version, dict(card.settings)["alpha"]) == ("ngram", "1", "0.7")
    assert [(d.name, d.licence) for d in card.data] == [("letters", "CC0")]
    assert [(f.name, f.lines) for f in card.figures] == [("bits a character letters", 2)]
    assert card.sha256 == sha256_of(written.with_suffix(".safetensors"))
    assert "letters 8" in card.notes
    packaged = package(written, tmp_path / "weights")
    model = NgramModel.load("words", folder=tmp_path / "weights")
    assert model.card == packaged
    assert model.order == 3
    assert model.line_log_probability("bad cab") > model.line_log_probability("dba bac") + 3


def test_prose_teaches_words_and_is_named_on_the_card(config: Path, letters: Path, tmp_path: Path) -> None:
    plain = NgramModel.load("words", folder=_packaged(config, letters, tmp_path / "plain"))
    (letters.parent / "prose.txt").write_text("a bad cab faded\n\nNOT THESE\n", "utf-8")
    prose = '[[prose]]\nname = "tales"\npath = "prose.txt"\nlicence = "CC0"\nsource = "written here"\n'
    config.write_text(
        CONFIG.replace("[decoding]", f"{prose}[decoding]").replace("order", "weight = 2\norder")
    )
    folder = _packaged(config, letters, tmp_path / "prosaic")
    card = read_card(folder / "words.json")
    assert [d.name for d in card.data] == ["letters", "tales"]
    assert "tales 2; transcripts weigh 2 times" in card.notes
    model = NgramModel.load("words", folder=folder)
    assert model.alphabet == plain.alphabet
    assert model.line_log_probability("a bad cab faded") > plain.line_log_probability("a bad cab faded") + 1


def _packaged(config: Path, letters: Path, folder: Path) -> Path:
    package(train_ngram(load_ngram_config(config), folder, letters.parent), folder / "weights")
    return folder / "weights"


def test_held_out_and_excluded_documents_teach_nothing(letters: Path, settings: TrainSettings) -> None:
    train, held_out = split_texts(settings)
    assert held_out["letters"] == ["dace", "bead"]
    assert len(train["letters"]) == 12
    [corpus] = settings.corpora
    without = settings.model_copy(update={"corpora": (corpus.model_copy(update={"exclude": ("b",)}),)})
    assert len(split_texts(without)[0]["letters"]) == 8


def test_a_share_takes_part_of_the_lines_and_always_the_same(settings: TrainSettings) -> None:
    whole = split_texts(settings)[0]["letters"]
    part = split_texts(settings, {"letters": 0.6})[0]["letters"]
    assert 0 < len(part) < len(whole)
    assert part == split_texts(settings, {"letters": 0.6})[0]["letters"]
    assert set(part) <= set(whole)
    for wrong in ({"leters": 0.5}, {"letters": 1.5}):
        with pytest.raises(UsageError, match="Shares"):
            split_texts(settings, wrong)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("order = 9", "order"),
        ("least = [1, 1]", "least"),
        ("least = [2, 1, 1]", "never fall"),
        ("lest = 1", "lest"),
    ],
)
def test_wrong_configurations_are_refused(line: str, message: str, config: Path) -> None:
    key = line.split()[0]
    kept = [row for row in CONFIG.splitlines() if not row.startswith(key + " ")]
    config.write_text("\n".join([line, *kept]), "utf-8")
    with pytest.raises(UsageError, match=message):
        load_ngram_config(config)
    with pytest.raises(UsageError, match=r"missing\.toml"):
        load_ngram_config(config.with_name("missing.toml"))
