"""`warraq models list` and `show`."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import cli
from ocr_core.errors import UsageError
from ocr_core.models import WEIGHTS, card_of, cards, write_card
from ocr_core.models.overview import PURPOSES, known_models
from ocr_core.models.pulled import MODELS_VARIABLE
from ocr_core.models.remote import REMOTE
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine onto which trocr-base-handwritten was pulled, and nothing else."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    folder = tmp_path / "trocr-base-handwritten"
    folder.mkdir()
    (folder / "model.bin").write_bytes(bytes(3_000_000))
    card = card_of("crnn-latin")
    card = replace(card, name=folder.name, kind="trocr", file="model.bin", version="7", licence="MIT")
    write_card(folder / f"{folder.name}.json", card)
    return tmp_path


def models_command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments], standalone_mode=False, catch_exceptions=False)


def test_list_is_a_table_with_a_line_for_each_model() -> None:
    header, *rows = models_command("list").stdout.splitlines()
    names = [*(card.name for card in cards()), *REMOTE]
    assert [row.split()[0] for row in rows] == names
    columns = {name: header.index(name) for name in ("kind", "is", "does", "licence")}

    def cell(name: str, column: str) -> str:
        return rows[names.index(name)][columns[column] :].split("  ")[0]

    assert cell("crnn-latin", "is") == "packaged"
    assert cell("crnn-latin", "does") == PURPOSES["crnn-latin"]
    assert cell("lm-ar", "licence") == "Apache-2.0"
    assert cell("trocr-base-handwritten", "is") == "pulled"
    assert "  7  trocr" in rows[names.index("trocr-base-handwritten")]
    assert "  3.0 MB  " in rows[names.index("trocr-base-handwritten")]
    assert cell("qwen-vl-arabic", "is") == "to pull"
    assert max(map(len, rows)) < 140


def test_every_model_says_what_it_does() -> None:
    assert all(model.purpose for model in known_models())
    assert set(PURPOSES) == {model.name for model in known_models()}


@pytest.mark.parametrize(("columns", "kept"), [(60, False), (140, True)])
def test_a_narrow_terminal_gets_fewer_columns(columns: int, kept: bool) -> None:
    main, side = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "flows", "models", "list"]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=side, stderr=subprocess.DEVNULL, check=True)
    os.close(side)
    header = os.read(main, 10_000).decode().splitlines()[0]
    os.close(main)
    assert ("licence" in header, "does" in header) == (kept, True)


def test_show_has_the_whole_card() -> None:
    out = models_command("show", "crnn-latin").stdout
    card = card_of("crnn-latin")
    assert card.sha256 in out
    assert f"size: {(WEIGHTS / card.file).stat().st_size / 1e6:.1f} MB" in out
    for source in card.data:
        assert any({source.name, source.licence} <= set(re.split("  +", line)) for line in out.splitlines())
    for figure in card.figures:
        assert f"{figure.name} " in out and f"{figure.value:.4g}" in out
    assert json.loads(models_command("show", "crnn-latin", "--json").stdout)["sha256"] == card.sha256


def test_show_tells_how_to_pull() -> None:
    answer = models_command("show", "qwen-vl-arabic")
    assert "Qwen Research (of Qwen2.5-VL-3B)" in answer.stdout
    assert "warraq models pull qwen-vl-arabic" in answer.stderr
    assert models_command("show", "trocr-base-handwritten").stderr == ""
    with pytest.raises(UsageError, match="nope"):
        models_command("show", "nope")


def test_json_has_every_model_once() -> None:
    rows = [json.loads(line) for line in models_command("list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == [model.name for model in known_models()]
    assert {row["name"] for row in rows if row.get("pulled") is False} == {"crnn-published", "qwen-vl-arabic"}
