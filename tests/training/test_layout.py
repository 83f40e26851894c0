"""Training of the line finder: what it is shown, that it learns, and that a run goes on where it was cut."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ocr_core.errors import ModelError, UsageError
from ocr_core.layout.learned.maps import line_maps
from ocr_core.models import read_card
from ocr_core.models.opencv import load_network
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint
from ocr_core.training.layout.augment import distorted_piece, plain_piece
from ocr_core.training.layout.batches import stacked
from ocr_core.training.layout.config import LayoutAugmentSettings, LayoutTrainSettings
from ocr_core.training.layout.export import write_onnx
from ocr_core.training.layout.loss import layout_loss
from ocr_core.training.layout.network import LayoutNetwork
from ocr_core.training.layout.pages import load_layout, page_line, prepare_layout
from ocr_core.training.layout.targets import PageLine, draw_targets
from ocr_core.training.layout.train import train_layout
from ocr_core.training.settings import load_settings
from tests.conftest import ROOT
from tests.training.conftest import LETTERS_CORPUS

NAN = float("nan")


@pytest.fixture
def layout_settings(letters: Path, tmp_path: Path) -> LayoutTrainSettings:
    """A run of a tiny network on the drawn letters; document c is held out."""
    return LayoutTrainSettings.model_validate(
        {
            "name": "tiny",
            "data": letters.parent,
            "corpora": [LETTERS_CORPUS],
            "network": {"channels": [4, 8, 8, 8, 8]},
            "schedule": {"steps": 4, "crop": 128, "batch": 2, "ema": 0.5},
            "run": {"folder": tmp_path / "runs" / "tiny", "precision": "fp32"},
        }
    )


def _line(x0: float, x1: float, y: float, above: float = 20, below: float = 8) -> PageLine:
    return PageLine(np.array([[x0, y], [x1, y]], float), above, below)


def test_targets_lie_where_the_lines_do() -> None:
    targets = draw_targets([_line(40, 160, 101)], 200, 240)
    rows, columns = np.nonzero(targets.baseline)
    assert rows.mean() == pytest.approx(
        50.25, abs=0.5
    )  # between rows 50 and 51: y 101 is the second pixel of row 50
    assert (columns.min(), columns.max()) == (pytest.approx(20, abs=2), pytest.approx(80, abs=2))
    ends = np.nonzero(targets.ends.any(axis=0))[0]
    assert {round(x / 20) for x in ends} == {1, 4} and targets.counts.all()
    assert np.unique(targets.reach[0][targets.near > 0]) == pytest.approx(np.log(20 / 16))
    assert np.unique(targets.reach[1][targets.near > 0]) == pytest.approx(np.log(8 / 16))


def test_upright_lines_count_neither_for_nor_against() -> None:
    upright = PageLine(np.array([[100, 20], [104, 180]], float), 20, 8)
    targets = draw_targets([upright], 200, 200)
    assert not targets.baseline.any() and not targets.ends.any()
    assert targets.counts[50, 51] == 0 and targets.counts[50, 10] == 1


def test_reach_is_asked_for_only_where_it_is_known() -> None:
    targets = draw_targets([_line(40, 160, 60), _line(40, 160, 140, NAN, NAN)], 200, 200)
    assert targets.baseline[70].any() and not targets.near[30:].any() and targets.near[:20].any()


def test_lines_run_from_left_to_right_and_know_their_reach() -> None:
    box = np.array([[90, 30], [10, 30], [10, 62], [90, 62]], float)
    line = page_line(np.array([[90, 50], [10, 50]], float), box)
    assert line.baseline[0, 0] == 10 and (line.above, line.below) == (20, 12)
    assert np.isnan(page_line(np.array([[10, 50], [90, 50]], float), np.zeros((0, 2))).above)


def test_pages_are_cleaned_once_and_split_by_document(layout_settings: LayoutTrainSettings) -> None:
    folder = prepare_layout(layout_settings)
    pages = load_layout(folder)
    assert [(p.name, p.split) for p in pages] == [
        ("a_001", "train"), ("a_002", "train"), ("b_001", "train"), ("c_001", "dev"),
    ]  # fmt: skip
    assert [len(p.lines) for p in pages] == [4, 4, 4, 2]
    written = (folder / "pages.json").stat().st_mtime_ns
    assert prepare_layout(layout_settings) == folder
    assert (folder / "pages.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("seed", range(12))
def test_lines_stay_on_their_writing_however_a_page_is_distorted(
    layout_settings: LayoutTrainSettings, seed: int
) -> None:
    page = load_layout(prepare_layout(layout_settings))[0]
    rng = np.random.default_rng(seed)
    piece, lines = distorted_piece(page, page, 256, rng, LayoutAugmentSettings(wear=0, mirror=0.5))
    ink = cv2.blur((piece < 160).astype(np.float32), (9, 9))
    over, under = [], []
    for line in lines:
        assert line.baseline[0, 0] < line.baseline[-1, 0]
        for x, y in line.baseline:
            above, below = round(y - 0.35 * line.above), round(y + line.below + 6)
            if 5 < x < 250 and above > 5 and below < 250:
                over.append(ink[above, round(x)])
                under.append(ink[below, round(x)])
    if len(over) > 10:  # the piece shows some of the lines
        assert np.mean(over) > 4 * np.mean(under)


def test_learns_a_page_by_heart(layout_settings: LayoutTrainSettings) -> None:
    page = load_layout(prepare_layout(layout_settings))[0]
    batch = stacked([plain_piece(page, 192, 0)])
    torch.manual_seed(0)
    network = LayoutNetwork((4, 8, 8, 8, 8))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    losses = []
    for _ in range(50):
        loss = layout_loss(network(batch.images), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    said = torch.nn.functional.pixel_shuffle(network(batch.images)[:, :4], 2)[0, 0].sigmoid()
    assert said[batch.baseline[0] > 0].mean() > 0.5 > 0.2 > said[batch.baseline[0] == 0].mean()


def test_a_run_that_was_cut_goes_on_and_leaves_weights_with_a_card(
    layout_settings: LayoutTrainSettings,
) -> None:
    half = layout_settings.model_copy(
        update={"schedule": layout_settings.schedule.model_copy(update={"steps": 2})}
    )
    train_layout(half)
    assert load_checkpoint(half.run.folder, ["progress"])["progress"]["step"] == 2
    rates = train_layout(layout_settings)
    assert load_checkpoint(half.run.folder, ["progress"])["progress"]["step"] == 4
    steps = [json.loads(t)["step"] for t in (half.run.folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == [2, 4] and set(rates) == {"letters"}
    card = read_card(half.run.folder / "tiny-1.json")
    assert (card.kind, card.file) == ("layout", "tiny-1.onnx")
    load_network((half.run.folder / card.file).read_bytes(), card.name)


def test_a_checkpoint_of_another_network_is_refused(layout_settings: LayoutTrainSettings) -> None:
    train_layout(layout_settings)
    other = layout_settings.network.model_copy(update={"channels": (4, 8, 8, 8, 12)})
    with pytest.raises(ModelError, match="another network"):
        train_layout(layout_settings.model_copy(update={"network": other}))
    (layout_settings.run.folder / CHECKPOINT).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="was not opened"):
        train_layout(layout_settings)


def test_opencv_says_what_pytorch_says(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = LayoutNetwork((4, 8, 8, 8, 8)).eval()
    grey = np.random.default_rng(0).integers(0, 256, (70, 93), np.uint8)
    write_onnx(network, tmp_path / "n.onnx")
    maps = line_maps(load_network((tmp_path / "n.onnx").read_bytes(), "n"), grey)
    page = np.zeros((96, 96), np.float32)
    page[:70, :93] = 1 - grey / 255
    with torch.inference_mode():
        out = network(torch.from_numpy(page)[None, None])
        expected = torch.nn.functional.pixel_shuffle(out[:, :8], 2)[0].sigmoid().numpy()
    assert np.abs(maps.baseline - expected[0, :35, :47]).max() < 1e-4
    assert np.abs(maps.ends - expected[1, :35, :47]).max() < 1e-4
    assert maps.above == pytest.approx(16 * np.exp(out[0, 8, :18, :24].numpy()), rel=1e-3)


def test_the_shipped_configuration_is_valid_and_a_misspelt_one_is_refused(tmp_path: Path) -> None:
    shipped = ROOT / "ocr_core" / "training" / "configs" / "layout.toml"
    assert load_settings(LayoutTrainSettings, shipped, folder=tmp_path).run.folder == tmp_path
    (tmp_path / "bad.toml").write_text(shipped.read_text("utf-8").replace("turn_deg", "turn"), "utf-8")
    with pytest.raises(UsageError, match="turn"):
        load_settings(LayoutTrainSettings, tmp_path / "bad.toml")
