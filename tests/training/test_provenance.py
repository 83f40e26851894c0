"""What model cards say of how weights were made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.commands.train import train
from ocr_core.models import WEIGHTS, read_card
from ocr_core.training.crnn.config import load_config
from ocr_core.training.data.corpora import TruthSettings
from ocr_core.training.provenance import documents_held_out, seconds_noted, training_of
from ocr_core.training.settings import CONFIGS


def test_the_command_names_the_configuration(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text((CONFIGS / "crnn-ar.toml").read_text("utf-8"), "utf-8")
    for config, name in ((Path("crnn-ar"), "crnn-ar"), (own, "mine.toml")):
        made = training_of("crnn", load_config(config), "none", 5400)
        assert made.command == f"warraq train crnn --config {name}"
        assert made.hours == 1.5


def test_documents_are_held_out_by_share_and_name() -> None:
    corpora = (
        TruthSettings(name="letters", path=Path("a"), dev_fraction=0.05, dev=("1", "2"), exclude=("3",)),
        TruthSettings(name="books", path=Path("b"), dev_fraction=0),
    )
    assert documents_held_out(corpora).endswith(": letters 5 %, 1, 2 (3 used for nothing); books none")


def test_seconds_of_all_epochs(tmp_path: Path) -> None:
    assert seconds_noted(tmp_path) is None
    lines = [json.dumps({"epoch": n, "seconds": 1.5}) for n in range(3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    assert seconds_noted(tmp_path) == 4.5


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.json")), ids=lambda path: path.stem)
def test_packaged_cards_tell_how_to_make_the_weights_anew(path: Path) -> None:
    made = read_card(path).training
    assert made is not None
    program, group, what, *options = made.command.split()
    assert (program, group) == ("warraq", "train")
    asked = train.commands[what].make_context(what, options).params  # as the command line takes them
    assert (CONFIGS / f"{asked['config']}.toml").is_file()
    assert made.held_out
