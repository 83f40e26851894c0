"""Fine-tuning: a model reads exactly what it was trained on, from real letters; a resumed run has every tensor."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ocr_core.errors import ModelError, UsageError
from ocr_core.ground_truth import read_imgur5k, read_page
from ocr_core.models import read_card, sha256_of
from ocr_core.recognizers.trocr.engine import TrocrRecognizer
from ocr_core.recognizers.trocr.file import load_folder
from ocr_core.training.checkpoints import CHECKPOINT
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.fine_tuning import epoch_rows, rate_at
from ocr_core.training.settings import load_settings
from ocr_core.training.trocr.augment import distorted, elastic, perspective
from ocr_core.training.trocr.config import TrocrSettings
from ocr_core.training.trocr.train import labels_of, train_trocr
from tests.conftest import ROOT
from tests.recognizers.tiny_trocr import save_tiny_trocr

LINES = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first lines of a letter of the samples, cut by their outlines, in the form png + gt.txt."""
    folder = tmp_path_factory.mktemp("data")
    page = cv2.imread(str(ROOT / "samples/archive/letters/JDH_2_16_144_001.jpg"), cv2.IMREAD_GRAYSCALE)
    (folder / "lines").mkdir()
    truth = read_page(ROOT / "samples/ground_truth/JDH_2_16_144_001.xml")
    lines = [line for line in truth.lines if len(line.polygon) and len(line.text) > 8]
    for number, line in enumerate(lines[3 : 3 + LINES]):
        x, y, width, height = cv2.boundingRect(line.polygon.astype(np.int32))
        cv2.imwrite(str(folder / "lines" / f"letter_{number}.png"), page[y : y + height, x : x + width])
        (folder / "lines" / f"letter_{number}.gt.txt").write_text(line.text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_trocr(tmp_path_factory.mktemp("trocr") / "tiny", spread=0.1)


def settings(data: Path, tiny: Path, folder: Path, **schedule: object) -> TrocrSettings:
    values = {"epochs": 2, "rate": 4e-3, "batch": LINES, "patience": 0, **schedule}
    corpus = {"name": "letter", "format": "lines", "path": "lines", "dev_fraction": 0, "source": "samples"}
    return TrocrSettings.model_validate(
        {
            "name": "tuned", "init": str(tiny), "data": data, "corpora": [corpus], "augment": 0,
            "schedule": values, "run": {"folder": folder / "run", "device": "cpu", "threads": 1},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(data: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> TrocrSettings:
    chosen = settings(
        data, tiny, tmp_path_factory.mktemp("run"), epochs=3, samples_per_epoch=LINES * 40, rate=8e-3
    )
    train_trocr(chosen)
    return chosen


def test_a_model_reads_exactly_the_real_lines_that_it_was_trained_on(trained: TrocrSettings) -> None:
    folder = trained.run.folder / "tuned"
    cache = LineCache(prepare(trained))
    reader = TrocrRecognizer.load(folder, device="cpu")
    readings = reader.readings([cache[row].nominal() for row in range(len(cache))])
    assert [r.text for r in readings] == [cache.table["text"][row] for row in range(len(cache))]
    assert all(r.ended and r.confidence > 0.5 for r in readings)
    card = read_card(folder / "tuned.json")
    assert card.sha256 == sha256_of(folder / "model.safetensors")
    assert [(f.name, f.value) for f in card.figures] == [("CER letter", 0), ("WER letter", 0)]
    metrics = [json.loads(v) for v in (trained.run.folder / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["loss"] < 0.2 * metrics[0]["loss"]


def test_the_best_model_is_reloaded_tensor_by_tensor(trained: TrocrSettings) -> None:
    """The trap of transformers 5: files name the encoder's tensors otherwise than memory does."""
    state = torch.load(trained.run.folder / CHECKPOINT, weights_only=True)
    loaded = load_folder(trained.run.folder / "tuned").model.state_dict()
    metrics = [json.loads(v) for v in (trained.run.folder / "metrics.jsonl").read_text().splitlines()]
    assert loaded.keys() == state["model"].keys()
    if metrics[-1]["best"] < min(m["best"] for m in metrics[:-1]):  # the last epoch was the best
        assert all(torch.equal(loaded[name], state["model"][name]) for name in loaded)
    before = load_folder(Path(trained.init)).model.state_dict()
    moved = [name for name in loaded if not torch.equal(loaded[name], before[name])]
    assert len(moved) > 0.9 * len([name for name in loaded if "pooler" not in name])


def test_a_resumed_run_has_every_tensor(data: Path, tiny: Path, tmp_path: Path) -> None:
    straight = settings(data, tiny, tmp_path / "straight", epochs=2)
    train_trocr(straight)
    broken = settings(data, tiny, tmp_path / "broken", epochs=2)
    stopped = broken.schedule.model_copy(update={"patience": 1})
    # Stopped by hand after an epoch: the schedule is that of the whole run.
    half = broken.model_copy(update={"schedule": stopped})
    _train_one_epoch(half)
    train_trocr(broken)
    one, other = (torch.load(s.run.folder / CHECKPOINT, weights_only=True) for s in (straight, broken))
    assert one["model"].keys() == other["model"].keys()
    for name in one["model"]:
        assert torch.equal(one["model"][name], other["model"][name]), name
    for key, state in one["optimiser"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, other["optimiser"]["state"][key][name]), (key, name)
    assert (one["epoch"], one["step"], one["best"]) == (other["epoch"], other["step"], other["best"])
    best = [load_folder(s.run.folder / "tuned").model.state_dict() for s in (straight, broken)]
    assert all(torch.equal(best[0][name], best[1][name]) for name in best[0])


def _train_one_epoch(chosen: TrocrSettings) -> None:
    """Train, and stop as Ctrl-C after the first checkpoint would."""
    from ocr_core.training.trocr import train as trocr

    saved = trocr._save

    class Stopped(Exception):
        pass

    def save(run: object) -> None:
        saved(run)  # type: ignore[arg-type]
        raise Stopped

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(trocr, "_save", save)
        train_trocr(chosen)


def test_training_stops_when_nothing_gets_better(
    data: Path, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ocr_core.training")
    chosen = settings(data, tiny, tmp_path, epochs=9, rate=1e-9, patience=2)
    folder = train_trocr(chosen)
    metrics = (chosen.run.folder / "metrics.jsonl").read_text().splitlines()
    assert len(metrics) == 3  # the first is the best, two more are not better
    assert (folder / "model.safetensors").exists()


def test_a_foreign_checkpoint_is_refused(data: Path, tiny: Path, tmp_path: Path) -> None:
    chosen = settings(data, tiny, tmp_path, epochs=1)
    chosen.run.folder.mkdir(parents=True)
    path = chosen.run.folder / CHECKPOINT
    torch.save({"model": {"encoder.layernorm.weight": torch.zeros(3)}}, path)
    with pytest.raises(ModelError, match="is not the checkpoint of a run"):
        train_trocr(chosen)
    path.write_bytes(b"pickle?")
    with pytest.raises(ModelError, match="was not opened"):
        train_trocr(chosen)
    path.unlink()
    _train_one_epoch(chosen)
    state = torch.load(path, weights_only=True)
    state["model"] = {"encoder.layernorm.weight": torch.zeros(3)}
    torch.save(state, path)
    with pytest.raises(ModelError, match="another model"):
        train_trocr(chosen)


def test_labels_end_each_text_and_ignore_what_follows(tiny: Path) -> None:
    loaded = load_folder(tiny)
    labels = labels_of(["ab", "Kew, 1860"], loaded)
    assert labels.shape == (2, 10)
    assert labels[0, 2] == labels[1, 9] == loaded.end
    assert (labels[0, 3:] == -100).all()
    assert loaded.tokenizer.decode(labels[1, :9]) == "Kew, 1860"
    assert labels_of(["x" * 900], loaded).shape[1] < loaded.longest


def test_the_rate_climbs_and_falls_in_straight_lines() -> None:
    rates = [rate_at(step, 100, peak=5e-5, warmup=0.1) for step in range(100)]
    assert rates[9] == pytest.approx(5e-5)
    assert rates[4] == pytest.approx(2.5e-5)
    assert rates[55] == pytest.approx(2.5e-5)
    assert rates[99] == pytest.approx(5e-5 / 90)


class TwoCorpora:
    """Ten lines of `letters` and a hundred of `books`."""

    def rows(self, split: str, corpus: str | None = None) -> list[int]:
        assert split == "train"
        return list(range(10)) if corpus == "letters" else list(range(10, 110))


def test_an_epoch_mixes_corpora_by_their_shares() -> None:
    corpora = [
        CorpusSettings(name="letters", path=Path("a"), share=3),
        CorpusSettings(name="books", path=Path("b"), share=1),
    ]
    rows = epoch_rows(corpora, 40, TwoCorpora(), np.random.default_rng(1))
    counts = Counter(rows)
    assert sum(counts[row] for row in range(10)) == 30
    assert {counts[row] for row in range(10)} == {3}  # each as often as the others
    assert sum(counts.values()) == 40 and max(counts[row] for row in range(10, 110)) == 1
    assert rows != sorted(rows)
    once = epoch_rows(corpora, 0, TwoCorpora(), np.random.default_rng(1))
    assert sorted(once) == list(range(110))
    without = [corpora[0], corpora[1].model_copy(update={"share": 0.0})]
    assert sorted(epoch_rows(without, 0, TwoCorpora(), np.random.default_rng(1))) == list(range(10))


def test_distortion_moves_writing_and_keeps_the_ground() -> None:
    picture = np.full((60, 400), 215, np.uint8)
    cv2.putText(picture, "Nepenthes", (30, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.3, 30, 3, cv2.LINE_AA)
    for distort in (perspective, elastic):
        moved = distort(picture, np.random.default_rng(1))
        assert moved.shape == picture.shape
        assert not np.array_equal(moved, picture)
        assert np.median(moved) == 215
        ink = (picture < 100).sum()
        assert 0.6 * ink < (moved < 100).sum() < 1.4 * ink
        assert np.array_equal(moved, distort(picture, np.random.default_rng(1)))
    still = perspective(picture, np.random.default_rng(1), 0.0)
    assert np.abs(still.astype(int) - picture).max() <= 1
    assert np.array_equal(distorted(picture, np.random.default_rng(1), 0.0), picture)


def test_words_of_imgur5k_are_turned_upright(tmp_path: Path) -> None:
    word = np.full((40, 120), 255, np.uint8)
    word[18:23, 8:112] = 0  # a bar, lying
    sheet = np.full((300, 300), 255, np.uint8)
    sheet[130:170, 90:210] = word
    turn = cv2.getRotationMatrix2D((150, 150), 30, 1.0)  # 30 degrees anticlockwise
    (tmp_path / "images").mkdir()
    cv2.imwrite(
        str(tmp_path / "images" / "abc.png"), cv2.warpAffine(sheet, turn, (300, 300), borderValue=255)
    )
    values = {
        "index_to_ann_map": {"abc": ["abc_0", "abc_1"], "gone": ["gone_0"]},
        "ann_id": {
            "abc_0": {"word": "bar", "bounding_box": "[150.0, 150.0, 120.0, 40.0, 30.0]"},
            "abc_1": {"word": ".", "bounding_box": "[10, 10, 20, 20, 0]"},
            "gone_0": {"word": "lost", "bounding_box": "[10, 10, 20, 20, 0]"},
        },
    }
    (tmp_path / "dataset_info").mkdir()
    path = tmp_path / "dataset_info" / "imgur5k_annotations_train.json"
    path.write_text(json.dumps(values))
    [found] = list(read_imgur5k(tmp_path))
    pixels = found.pixels()
    assert pixels is not None
    assert (found.page, found.text, pixels.shape) == ("abc", "bar", (40, 120))
    assert np.abs(pixels.astype(int) - word).mean() < 12
    path.write_text("[]")
    with pytest.raises(UsageError, match="not as Imgur5K's"):
        list(read_imgur5k(tmp_path))
    with pytest.raises(UsageError, match="has no imgur5k_annotations"):
        list(read_imgur5k(tmp_path / "images"))


def test_the_packaged_configuration_has_the_published_settings(tmp_path: Path) -> None:
    found = load_settings(TrocrSettings, ROOT / "ocr_core/training/configs/trocr.toml", data=tmp_path)
    schedule = found.schedule
    assert (schedule.rate, schedule.warmup, schedule.patience) == (5e-5, 0.1, 3)
    assert found.run.checkpointing
    assert schedule.samples_per_epoch  # else the shares of its corpora would mean nothing
