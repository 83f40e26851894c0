"""Other ways to train: the published recipe, early stopping, starting from weights there are."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from ocr_core.errors import ModelError, UsageError
from ocr_core.models import read_card
from ocr_core.recognizers.crnn.file import read_crnn
from ocr_core.recognizers.crnn.network import Crnn
from ocr_core.recognizers.published.engine import load_published
from ocr_core.recognizers.published.file import EVENED, read_published
from ocr_core.recognizers.register import load_reader
from ocr_core.training.checkpoints import CHECKPOINT
from ocr_core.training.crnn.batches import plan_epoch
from ocr_core.training.crnn.config import NetworkSettings, ScheduleSettings, TrainSettings, load_config
from ocr_core.training.crnn.curves import METRICS, read_evaluations
from ocr_core.training.crnn.cuts import CUTS
from ocr_core.training.crnn.export import package
from ocr_core.training.crnn.networks import PublishedLines, begin
from ocr_core.training.crnn.schedule import Progress, rate_of, take_error, take_loss
from ocr_core.training.crnn.train import train_crnn
from ocr_core.training.data.cache import LineCache, prepare
from tests.conftest import ROOT
from tests.training.conftest import write_page

CONFIGS = ROOT / "ocr_core" / "training" / "configs"


def _with(settings: TrainSettings, part: str, **changes: object) -> TrainSettings:
    values = getattr(settings, part).model_dump(exclude_unset=True) | changes
    return settings.model_copy(update={part: type(getattr(settings, part)).model_validate(values)})


def _recipe(settings: TrainSettings, **schedule: object) -> TrainSettings:
    """The published configuration on the drawn letters."""
    recipe = load_config(CONFIGS / "crnn-published.toml")
    corpus = settings.corpora[0].model_copy(
        update={"exclude": ("a",)}
    )  # two lines with frequent letters are left
    changed = settings.model_copy(
        update={
            "network": recipe.network,
            "schedule": recipe.schedule,
            "augment": recipe.augment,
            "corpora": (corpus,),
        }
    )
    return _with(changed, "schedule", **schedule)


def test_the_published_recipe_is_what_was_published() -> None:
    schedule = load_config(CONFIGS / "crnn-published.toml").schedule
    assert (schedule.optimiser, schedule.peak, schedule.clip, schedule.lines, schedule.epochs) == (
        "adam",
        1e-3,
        5.0,
        8,
        10,
    )
    assert (schedule.kind, schedule.plateau_factor, schedule.plateau_epochs) == ("plateau", 0.5, 3)


def test_the_published_recipe_trains_and_its_weights_read(settings: TrainSettings, tmp_path: Path) -> None:
    settings = _recipe(settings, epochs=2)
    result = train_crnn(settings)
    assert isinstance(result.network, PublishedLines)
    assert (result.progress.epoch, result.progress.step) == (2, 2)
    first, last = read_evaluations(settings.run.folder)[
        :: max(1, len(read_evaluations(settings.run.folder)) - 1)
    ]
    assert last["loss"] < first["loss"]
    card = package(settings.run.folder / "tiny-1.json", tmp_path / "weights")
    assert card.kind == "crnn-published"
    data = (tmp_path / "weights" / card.file).read_bytes()
    assert read_published(data, "a")[2] == EVENED
    engine = load_published("tiny", folder=tmp_path / "weights", device="cpu")
    assert engine.charset == result.charset


def test_an_epoch_of_the_recipe_shows_every_line_once(settings: TrainSettings) -> None:
    settings = _recipe(settings)
    cache = LineCache(prepare(settings))
    _, charset = begin(NetworkSettings(), [cache.table["text"][r] for r in cache.rows("train")] * 3)
    rows = [row for batch in plan_epoch(cache, settings, charset, 0) for row in batch]
    assert sorted(rows) == cache.rows("train")


def test_the_plateau_is_that_of_pytorch() -> None:
    schedule = ScheduleSettings(kind="plateau", peak=1e-3, plateau_epochs=2, plateau_factor=0.5)
    losses = [3, 2, 2, 2.1, 1.99999, 2, 1.5, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.4]
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-3)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=2)
    progress = Progress()
    for loss in losses:
        oracle.step(loss)
        take_loss(progress, loss, schedule)
        assert rate_of(progress, schedule) == pytest.approx(optimiser.param_groups[0]["lr"])
    assert progress.factor == 0.125


def test_patience_ends_a_run() -> None:
    schedule, progress = ScheduleSettings(patience=2), Progress()
    answers = [take_error(progress, error, schedule) for error in (0.5, 0.4, 0.45)]
    assert answers == [True, True, False]
    assert not progress.stopped
    take_error(progress, 0.4, schedule)
    assert progress.stopped
    assert progress.best == 0.4


def test_a_run_stops_early_and_keeps_its_best_weights(settings: TrainSettings) -> None:
    settings = _with(settings, "schedule", steps=500, patience=2, peak=1e-9)  # it learns nothing
    settings = _with(settings, "run", evaluate_minutes=1e-9)
    progress = train_crnn(settings).progress
    assert progress.stopped
    assert progress.step == 3
    again = train_crnn(settings).progress
    assert again.step == 3
    assert "after 1 steps" in read_card(settings.run.folder / "tiny-1.json").notes


@pytest.fixture
def exported(settings: TrainSettings) -> Path:
    train_crnn(settings)
    return settings.run.folder / "tiny-1.safetensors"


def _onward(settings: TrainSettings, tmp_path: Path, **network: object) -> TrainSettings:
    write_page(settings.data / "letters", "d_001", ("bag", "gag", "a bag", "big gig"))
    onward = settings.model_copy(
        update={"network": NetworkSettings.model_validate(network), "name": "onward"}
    )
    return _with(onward, "run", folder=tmp_path / "others" / "onward")


@pytest.mark.parametrize("freeze", ["", "cnn"])
def test_training_on_from_weights_adds_characters(
    settings: TrainSettings, exported: Path, tmp_path: Path, freeze: str
) -> None:
    old, characters = read_crnn(exported.read_bytes(), "a")
    result = train_crnn(_onward(settings, tmp_path, init=str(exported), freeze=freeze))
    assert "g" not in characters.characters
    assert result.charset.characters == characters.characters + "g"
    changed = {
        name: not torch.equal(value, old.state_dict()[name])
        for name, value in result.network.state_dict().items()
        if value.shape == old.state_dict()[name].shape
    }
    assert any(value for name, value in changed.items() if name.startswith("rnn"))
    assert any(v for n, v in changed.items() if n.startswith(("stem", "stages"))) is (freeze == "")
    notes = read_card(tmp_path / "others" / "onward" / "onward-1.json").notes
    assert "Trained on from tiny-1.safetensors" in notes
    assert ("left as they were" in notes) is (freeze == "cnn")


def test_new_outputs_leave_the_old_ones_as_they_were(exported: Path) -> None:
    old, characters = read_crnn(exported.read_bytes(), "a")
    network, charset = begin(NetworkSettings(init=str(exported)), ["gh"] * 3)
    assert charset.characters == characters.characters + "gh"
    x, widths = torch.rand(2, 1, 32, 64), torch.tensor([64, 40])
    with torch.inference_mode():
        before, after = old.eval()(x, widths)[0], network.eval()(x, widths)[0]
    torch.testing.assert_close(after[..., : before.shape[2]], before)


def test_a_wider_network_begins_as_the_narrow_one(exported: Path) -> None:
    old, _ = read_crnn(exported.read_bytes(), "a")
    channels, hidden = (old.shape.channels[0], *(c + 8 for c in old.shape.channels[1:])), old.shape.hidden + 4
    network, _ = begin(NetworkSettings(init=str(exported), channels=channels, hidden=hidden), [])
    assert isinstance(network, Crnn)
    assert (network.shape.channels, network.shape.hidden) == (channels, hidden)
    x, widths = torch.rand(2, 1, 32, 64), torch.tensor([64, 40])
    torch.testing.assert_close(network.eval()(x, widths)[0], old.eval()(x, widths)[0])
    network(x, widths)[0].square().sum().backward()
    assert network.head.weight.grad is not None
    assert (network.head.weight.grad != 0).any(dim=0).all(), "every new cell can be learnt from"


def test_packaged_weights_can_be_begun_with() -> None:
    network, charset = begin(NetworkSettings(init="crnn-latin", freeze="cnn"), [])
    assert len(charset.characters) > 80
    frozen = [n for n, p in network.named_parameters() if not p.requires_grad]
    assert frozen
    assert all(n.startswith(("stem", "stages")) for n in frozen)


def test_weights_that_do_not_fit_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"network\.layers"):
        begin(NetworkSettings(init=str(exported), layers=4), [])
    with pytest.raises(UsageError, match=r"(?s)network\.hidden .* not narrower"):
        begin(NetworkSettings(init=str(exported), hidden=8), [])
    with pytest.raises(ModelError, match="not a warraq-published"):
        begin(NetworkSettings(init=str(exported), kind="published", height=128), [])
    for init in (str(tmp_path / "none.safetensors"), "nobody"):
        with pytest.raises(ModelError):
            begin(NetworkSettings(init=init), [])
    exported.write_bytes(exported.read_bytes() + b" ")
    with pytest.raises(ModelError, match="not the file of its card"):
        begin(NetworkSettings(init=str(exported)), [])


def test_the_published_network_needs_its_height(settings: TrainSettings) -> None:
    values = settings.model_dump() | {"network": {"kind": "published"}}
    with pytest.raises(ValueError, match="128"):
        TrainSettings.model_validate(values)


def test_a_run_ends_with_curves_and_a_table(settings: TrainSettings) -> None:
    settings = _with(settings, "run", evaluate_minutes=1e-9)
    train_crnn(settings)
    folder = settings.run.folder
    html = (folder / "tiny-1.html").read_text("utf-8")
    assert html.count("<svg") == 4
    assert read_card(folder / "tiny-1.json").sha256 in html
    rows = list(csv.DictReader((folder / "tiny-1.csv").open(encoding="utf-8")))
    steps = [json.loads(line)["step"] for line in (folder / METRICS).read_text("utf-8").splitlines()]
    assert [int(row["step"]) for row in rows] == sorted(set(steps))
    assert float(rows[-1]["CER letters"]) >= 0
    assert float(rows[-1]["held-out loss"]) > 0


def test_a_share_of_the_weights_to_begin_with_is_retained(
    settings: TrainSettings, exported: Path, tmp_path: Path
) -> None:
    def kept(retain: float) -> dict[str, torch.Tensor]:
        onward = _onward(settings, tmp_path / str(retain), init=str(exported), retain=retain)
        return train_crnn(onward).network.state_dict()

    trained, mean, initial = (kept(share) for share in (0.0, 0.25, 1.0))
    begun = read_crnn(exported.read_bytes(), exported.name)[0].state_dict()
    for name, value in begun.items():
        if value.is_floating_point() and not name.startswith(
            ("head", "auxiliary")
        ):  # these have new characters
            torch.testing.assert_close(initial[name], value)
            torch.testing.assert_close(mean[name], 0.75 * trained[name] + 0.25 * value)
    assert not torch.equal(trained["stem.0.weight"], begun["stem.0.weight"])
    card = read_card(tmp_path / "0.25" / "others" / "onward" / "onward-1.json")
    assert card.notes.startswith("Trained on from tiny-1.safetensors, 25% of it retained. ")


def test_nothing_is_retained_where_a_run_begins_with_chance(settings: TrainSettings) -> None:
    with pytest.raises(ValueError, match=r"network\.init"):
        TrainSettings.model_validate(settings.model_dump() | {"network": {"retain": 0.5}})


def test_frozen_runs_resume(settings: TrainSettings, exported: Path, tmp_path: Path) -> None:
    onward = _onward(settings, tmp_path, init=str(exported), freeze="cnn")
    train_crnn(onward)
    longer = _with(onward, "schedule", steps=10)
    assert (onward.run.folder / CHECKPOINT).exists()
    assert train_crnn(longer).progress.step == 10


def test_a_run_of_spliced_and_composed_lines_cuts_them_once(settings: TrainSettings, tmp_path: Path) -> None:
    first = train_crnn(settings).progress
    weights = settings.run.folder / "tiny-1.safetensors"
    again = _with(
        _with(settings, "network", init=str(weights)), "augment", splice=0.5, hide=0.1, probability=1
    )
    again = _with(again, "run", folder=tmp_path / "runs" / "spliced")
    again = _with(again, "augment", compose=0.5, compose_text="text.txt")
    again = again.model_copy(update={"corpora": (again.corpora[0].model_copy(update={"one_hand": True}),)})
    with pytest.raises(UsageError, match=r"text\.txt"):
        train_crnn(again)
    (settings.data / "text.txt").write_text("abc fed", "utf-8")
    train_crnn(again)
    cuts = again.run.folder / CUTS
    written = cuts.stat().st_mtime_ns
    longer = _with(again, "schedule", steps=first.step + 4)
    assert train_crnn(longer).progress.step == first.step + 4
    assert cuts.stat().st_mtime_ns == written
    assert read_card(again.run.folder / "tiny-1.json").notes.startswith("Trained on from tiny-1.safetensors")


def test_the_documented_configuration_teaches_a_reader(letters: Path, tmp_path: Path) -> None:
    documented = re.search("```toml\n(.+?)```", (ROOT / "docs" / "training.md").read_text("utf-8"), re.S)
    assert documented
    path = tmp_path / "my-reader.toml"
    path.write_text(documented[1].replace("^(letter_\\d+)", "^([a-z])_").replace("2000 ", "2 "), "utf-8")
    settings = load_config(path, data=letters, folder=tmp_path / "run")
    train_crnn(settings)
    weights = tmp_path / "run" / "my-reader-1.safetensors"
    assert set("abcdef ") <= set(read_crnn(weights.read_bytes(), weights.name)[1].characters)
    assert load_reader(str(weights)).stamp.name == "my-reader"


def test_all_recipes_are_documented() -> None:
    text = (ROOT / "docs" / "training.md").read_text("utf-8")
    assert all(f"`{recipe.stem}`" in text for recipe in CONFIGS.glob("*.toml"))
