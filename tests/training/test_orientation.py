"""Training of the network of orientation: what it is shown, that it learns, and that a run goes on where it was cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ocr_core.errors import ModelError
from ocr_core.models import read_card
from ocr_core.models.opencv import load_network
from ocr_core.training.checkpoints import load_checkpoint
from ocr_core.training.layout.config import OrientationTrainSettings
from ocr_core.training.layout.pages import load_layout, prepare_layout
from ocr_core.training.orientation.train import (
    OrientationNetwork,
    orientation_loss,
    train_orientation,
    turned_pieces,
)
from ocr_core.training.settings import load_settings
from tests.conftest import ROOT
from tests.training.conftest import LETTERS_CORPUS


@pytest.fixture
def settings(letters: Path, tmp_path: Path) -> OrientationTrainSettings:
    """A run of a tiny network on the drawn letters; document c is held out."""
    return OrientationTrainSettings.model_validate(
        {
            "name": "tiny",
            "data": letters.parent,
            "corpora": [LETTERS_CORPUS],
            "channels": [4, 8, 8, 8],
            "augment": {"wear": 0},
            "schedule": {"steps": 4, "crop": 128, "batch": 4, "ema": 0.5},
            "run": {"folder": tmp_path / "runs" / "tiny"},
        }
    )


def test_pieces_are_turned_all_ways_and_learnt_by_heart(settings: OrientationTrainSettings) -> None:
    pages = [p for p in load_layout(prepare_layout(settings)) if p.split == "train"]
    wide = settings.model_copy(update={"schedule": settings.schedule.model_copy(update={"batch": 8})})
    rng = np.random.default_rng(1)
    images, turns, inked = turned_pieces(pages, np.full(len(pages), 1 / len(pages)), rng, wide)
    assert images.shape == (8, 1, 128, 128) and inked.shape == (8, 8, 8) and inked.any()
    assert len(set(turns.tolist())) > 2 and 0 <= float(images.min()) < float(images.max()) <= 1
    torch.manual_seed(0)
    network = OrientationNetwork((8, 8, 12, 16))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(40):
        loss = orientation_loss(network(images), turns, inked)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    said = network(images).argmax(dim=1)
    right = (said == turns[:, None, None])[inked]
    assert float(right.float().mean()) > 0.9


def test_cells_without_ink_do_not_count() -> None:
    scores = torch.zeros(1, 4, 1, 2)
    scores[0, 2, 0, 1] = 50.0
    inked = torch.tensor([[[True, False]]])
    assert float(orientation_loss(scores, torch.tensor([1]), inked)) == pytest.approx(np.log(4), abs=1e-5)


def test_a_run_that_was_cut_goes_on_and_leaves_weights_with_a_card(
    settings: OrientationTrainSettings,
) -> None:
    half = settings.model_copy(update={"schedule": settings.schedule.model_copy(update={"steps": 2})})
    train_orientation(half)
    assert load_checkpoint(half.run.folder, ["step"])["step"] == 2
    rates = train_orientation(settings)
    assert load_checkpoint(half.run.folder, ["step"])["step"] == 4
    card = read_card(half.run.folder / "tiny-1.json")
    assert (card.kind, card.file, set(rates)) == ("orientation", "tiny-1.onnx", {"letters"})
    load_network((half.run.folder / card.file).read_bytes(), card.name)
    with pytest.raises(ModelError, match="another network"):
        train_orientation(settings.model_copy(update={"channels": (4, 8, 8, 12)}))


def test_the_shipped_configuration_is_valid(tmp_path: Path) -> None:
    shipped = ROOT / "ocr_core" / "training" / "configs" / "orientation.toml"
    assert load_settings(OrientationTrainSettings, shipped, folder=tmp_path).name == "orientation"
