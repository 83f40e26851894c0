"""The register: cards come back as written; nothing unverified is handed out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ocr_core.errors import ModelError
from ocr_core.models import (
    DataSource,
    Figure,
    ModelCard,
    card_of,
    cards,
    packaged_stamp,
    read_card,
    verified_bytes,
    verified_path,
    write_card,
)

DATA = b"weights"
CARD = ModelCard(
    name="m",
    version="2",
    kind="crnn",
    file="m.bin",
    sha256=hashlib.sha256(DATA).hexdigest(),
    licence="Apache-2.0",
    parameters=3,
    data=(DataSource("letters", "somewhere", "CC BY 4.0"),),
    figures=(Figure("CER letters", 0.125, 40),),
    settings=(("decoding", "greedy"),),
    calibration=((0.1, 0.2), (0.9, 0.95)),
    notes="é",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.bin").write_bytes(DATA)
    write_card(tmp_path / "m.json", CARD)
    return tmp_path


def test_a_card_comes_back_as_written(folder: Path) -> None:
    assert read_card(folder / "m.json") == CARD
    assert cards(folder) == [CARD]
    assert verified_bytes("m", folder) == (CARD, DATA)
    assert verified_path("m", folder) == folder / "m.bin"


def test_an_unknown_model_is_named_with_what_there_is(folder: Path) -> None:
    with pytest.raises(ModelError, match="No packaged model 'n'; there are: m"):
        card_of("n", folder)


@pytest.mark.parametrize("text", ["", "{}", '{"name": 1}', "[1"])
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / "m.json").write_text(text)
    with pytest.raises(ModelError, match="not a model card"):
        card_of("m", folder)


def test_an_unknown_key_in_a_card_is_refused(folder: Path) -> None:
    text = (folder / "m.json").read_text("utf-8")
    (folder / "m.json").write_text(text.replace('"kind"', '"surprise": 1, "kind"'), "utf-8")
    with pytest.raises(ModelError, match="surprise"):
        card_of("m", folder)


def test_changed_or_missing_weights_are_refused(folder: Path) -> None:
    (folder / "m.bin").write_bytes(b"weightz")
    with pytest.raises(ModelError, match="damaged"):
        verified_path("m", folder)
    (folder / "m.bin").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        verified_path("m", folder)


def test_a_card_cannot_point_out_of_its_folder(folder: Path) -> None:
    text = (folder / "m.json").read_text("utf-8")
    (folder / "m.json").write_text(text.replace('"m.bin"', '"../m.bin"'), "utf-8")
    with pytest.raises(ModelError, match="outside"):
        verified_bytes("m", folder)


def test_every_packaged_model_is_sound() -> None:
    for card in cards():
        verified_path(card.name)
        assert packaged_stamp(card.name).weights_sha256 == card.sha256
        assert card.licence
        assert card.data
        assert card.figures
