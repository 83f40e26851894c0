"""Training: it learns, and a run that was cut goes on as if it had not been."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from ocr_core.audit.evaluation.evaluate import evaluate
from ocr_core.errors import ModelError, NothingToDo, UsageError
from ocr_core.models import read_card
from ocr_core.recognizers.crnn.engine import CrnnRecognizer
from ocr_core.recognizers.crnn.network import Crnn, CrnnShape
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.register import load_reader
from ocr_core.training.checkpoints import CHECKPOINT
from ocr_core.training.crnn.batches import Batch, make_batch
from ocr_core.training.crnn.config import TrainSettings, load_config
from ocr_core.training.crnn.curves import METRICS
from ocr_core.training.crnn.evaluate import read_rows
from ocr_core.training.crnn.export import package
from ocr_core.training.crnn.gradients import Workers, disagreement
from ocr_core.training.crnn.train import train_crnn
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.optimisation import one_cycle


def _with(settings: TrainSettings, part: str, **changes: object) -> TrainSettings:
    return settings.model_copy(update={part: getattr(settings, part).model_copy(update=changes)})


def test_learns_one_batch_by_heart(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    torch.manual_seed(0)
    shape = settings.network
    network = Crnn(CrnnShape(charset.classes, shape.height, shape.channels, shape.hidden, shape.layers, 0.0))
    workers = Workers(network, _with(settings, "run", workers=1))
    batch = make_batch(cache, [0, 1, 4, 6], charset, 32)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    first = last = workers.gradients(batch, (0,))
    for step in range(90):
        optimiser.step()
        last = workers.gradients(batch, (step,))
    assert last < 0.1 < first
    texts = [text for text, _ in read_rows(network, cache, [0, 1, 4, 6], charset, "fp32")]
    assert texts == [cache.table["text"][r] for r in (0, 1, 4, 6)]


def test_workers_share_a_batch_without_changing_its_gradient(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    torch.manual_seed(0)
    network = Crnn(CrnnShape(charset.classes, 32, (4, 4, 8, 8), 8, 1, dropout=0.0))
    # Twice the same lines, so that batch norm sees the same statistics in the halves as in the whole.
    batch = make_batch(cache, [0, 0, 1, 1, 6, 6], charset, 32)
    results = []
    for count in (1, 2):
        loss = Workers(network, _with(settings, "run", workers=count)).gradients(batch, (0,))
        results.append((loss, [p.grad.clone() for p in network.parameters() if p.grad is not None]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-4)
    assert len(results[0][1]) == len(results[1][1]) == len(list(network.parameters()))
    for one, two in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(one, two, atol=2e-4, rtol=2e-3)


def test_views_that_are_read_alike_do_not_disagree_and_others_do_within_their_frames() -> None:
    logits = torch.zeros(5, 4, 3)  # two lines of two views
    frames = torch.tensor([5, 5, 2, 2])
    assert float(disagreement(logits, frames)) == 0
    logits[3:, 2:, 1] = torch.tensor([4.0, -4.0])  # beyond the end of the second line
    assert float(disagreement(logits, frames)) == 0
    logits[1, 0] = torch.log(torch.tensor([0.5, 0.25, 0.25]))
    logits[1, 1] = torch.log(torch.tensor([0.25, 0.5, 0.25]))
    assert float(disagreement(logits, frames)) == pytest.approx(0.25 * math.log(2), rel=1e-5)


def test_views_learn_from_each_other(settings: TrainSettings) -> None:
    """The loss for a character is of both views; what they disagree in reaches every weight that reads."""
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    torch.manual_seed(0)
    network = Crnn(CrnnShape(charset.classes, 32, (4, 4, 8, 8), 8, 1, dropout=0.0))
    pair = make_batch(
        cache, [0, 1, 6], charset, 32, settings.augment.model_copy(update={"hide": 0.3}), views=2
    )
    same = make_batch(cache, [0, 1, 6], charset, 32, views=2)
    alone = make_batch(cache, [0, 1, 6], charset, 32)

    def learnt(batch: Batch, weight: float) -> tuple[float, list[torch.Tensor]]:
        changed = _with(_with(settings, "run", workers=1), "schedule", consistency=weight)
        loss = Workers(network, changed).gradients(batch, (0,))
        return loss, [p.grad.clone() for p in network.parameters() if p.grad is not None]

    assert learnt(same, 0.5)[0] == pytest.approx(learnt(alone, 0)[0], rel=1e-4)
    for one, two in zip(learnt(same, 0.5)[1], learnt(alone, 0)[1], strict=True):
        torch.testing.assert_close(one, two, atol=2e-4, rtol=2e-3)
    loss, gradients = learnt(pair, 0)
    with_views = learnt(pair, 0.5)
    assert with_views[0] == pytest.approx(loss, rel=1e-4)
    assert any(not torch.allclose(a, b) for a, b in zip(gradients, with_views[1], strict=True))


def test_a_run_that_was_cut_ends_like_one_that_was_not(settings: TrainSettings, tmp_path: Path) -> None:
    whole = train_crnn(settings)
    cut = _with(settings, "run", folder=tmp_path / "runs" / "cut")
    # The learning rate follows the fraction done, so the first part must know the whole length: stop it by a fault.
    _train_until(cut, steps=4)
    resumed = train_crnn(cut)
    assert resumed.progress.step == whole.progress.step == 8
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)


def _train_until(settings: TrainSettings, steps: int) -> None:
    """Train, save after every step, and be killed after some."""
    import ocr_core.training.crnn.train as module

    saved = module.save_run
    eager = _with(settings, "run", checkpoint_minutes=1e-9)

    def stop(run: object) -> None:
        saved(run)  # type: ignore[arg-type]
        if run.progress.step == steps:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    module.save_run = stop  # type: ignore[assignment]
    try:
        with pytest.raises(KeyboardInterrupt):
            train_crnn(eager)
    finally:
        module.save_run = saved


def test_a_finished_run_gives_weights_a_card_and_metrics(settings: TrainSettings, tmp_path: Path) -> None:
    result = train_crnn(settings)
    folder = settings.run.folder
    line = json.loads((folder / METRICS).read_text("utf-8").splitlines()[-1])
    assert line["step"] == 8
    assert line["rates"]["letters"]["lines"] == 2
    card = read_card(folder / "tiny-1.json")
    assert {figure.name for figure in card.figures} >= {"CER letters", "WER letters"}
    assert card.data[0].name == "letters"
    assert card.training is not None
    assert "letters" in card.training.held_out
    assert card.training.hours is not None
    package(folder / "tiny-1.json", tmp_path / "weights")
    engine = CrnnRecognizer.load("tiny", folder=tmp_path / "weights", device="cpu")
    assert engine.charset == result.charset
    assert engine.stamp.weights_sha256 == card.sha256


def test_a_finished_run_started_again_only_reports(settings: TrainSettings) -> None:
    train_crnn(settings)
    before = (settings.run.folder / CHECKPOINT).read_bytes()
    again = train_crnn(settings)
    assert again.progress.step == 8
    assert len((settings.run.folder / CHECKPOINT).read_bytes()) == len(before)


def test_a_checkpoint_of_another_network_is_refused(settings: TrainSettings) -> None:
    train_crnn(settings)
    with pytest.raises(ModelError, match="another network"):
        train_crnn(_with(settings, "network", channels=(4, 4, 4, 4)))


def test_a_pickle_as_checkpoint_is_refused_unopened(settings: TrainSettings, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    settings.run.folder.mkdir(parents=True)
    torch.save({"network": Trap()}, settings.run.folder / CHECKPOINT)
    with pytest.raises(ModelError, match="checkpoint"):
        train_crnn(settings)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("values", "kept"), [([1], None), ({"network": {}}, None), ({"network": torch.zeros(99)}, -200), ([], 0)]
)
def test_a_damaged_checkpoint_is_refused(settings: TrainSettings, values: object, kept: int | None) -> None:
    path = settings.run.folder / CHECKPOINT
    path.parent.mkdir(parents=True)
    torch.save(values, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match="not the checkpoint of a run" if kept is None else "cut short"):
        train_crnn(settings)


@pytest.mark.parametrize("held_out", [("a", "b", "c"), ("a", "b")])
def test_without_a_line_to_train_on_nothing_is_begun(
    settings: TrainSettings, held_out: tuple[str, ...]
) -> None:
    # Document c alone has no character three times but the letters a, d and e.
    corpus = settings.corpora[0].model_copy(update={"dev": held_out})
    with pytest.raises(NothingToDo, match="No line to train on"):
        train_crnn(settings.model_copy(update={"corpora": (corpus,)}))


def test_a_run_that_holds_nothing_out_ends_with_weights(settings: TrainSettings) -> None:
    corpus = settings.corpora[0].model_copy(update={"dev": ()})
    result = train_crnn(settings.model_copy(update={"corpora": (corpus,)}))
    assert result.rates == {}
    assert read_card(settings.run.folder / "tiny-1.json").calibration == ()


def test_weights_of_a_run_are_measured_by_their_path(settings: TrainSettings, tmp_path: Path) -> None:
    train_crnn(settings)
    weights = settings.run.folder / "tiny-1.safetensors"
    engine = load_reader(str(weights), device="cpu")
    assert engine.stamp.weights_sha256 == read_card(settings.run.folder / "tiny-1.json").sha256
    found = evaluate(engine, [settings.data / "letters"], only=["c*"])
    assert len(found.scores) == 2
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        load_reader(str(weights))
    with pytest.raises(ModelError, match=r"none\.safetensors is not there"):
        load_reader(str(tmp_path / "none.safetensors"))


def test_packaging_refuses_weights_that_are_not_those_of_the_card(
    settings: TrainSettings, tmp_path: Path
) -> None:
    train_crnn(settings)
    (settings.run.folder / "tiny-1.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="not the file of its card"):
        package(settings.run.folder / "tiny-1.json", tmp_path / "weights")


def test_one_cycle_of_the_learning_rate() -> None:
    rates = [one_cycle(done, 0.01, 0.1) for done in (0.0, 0.05, 0.1, 0.55, 1.0, 1.2)]
    assert rates[2] == pytest.approx(0.01)
    assert rates[0] == pytest.approx(0.0005)
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4]
    assert rates[3] == pytest.approx(0.00501)
    assert rates[4] == rates[5] == pytest.approx(0.00002)


CONFIG = """
data = "data"
[[corpora]]
name = "letters"
path = "letters"
[run]
folder = "run"
"""


def test_configurations_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CONFIG)
    settings = load_config(path, data=tmp_path / "elsewhere")
    assert settings.data == tmp_path / "elsewhere"
    for wrong in (CONFIG + "surprise = 1\n", CONFIG + "workers = 0\n", "[", "data = 'x'"):
        path.write_text(wrong)
        with pytest.raises(UsageError):
            load_config(path)
    with pytest.raises(UsageError):
        load_config(tmp_path / "none.toml")


def test_configurations_that_come_with_warraq_have_names(tmp_path: Path) -> None:
    found = load_config(Path("crnn-latin"), data=tmp_path, folder=tmp_path / "run")
    assert (found.name, found.data, found.run.folder) == ("crnn-latin", tmp_path, tmp_path / "run")
    with pytest.raises(UsageError, match=r"There is no configuration nobody\.\n.*crnn-latin"):
        load_config(Path("nobody"))


def test_the_packaged_configuration_is_sound() -> None:
    import ocr_core.training

    folder = Path(ocr_core.training.__file__).parent / "configs"
    for path in folder.glob("crnn-*.toml"):
        settings = load_config(path)
        assert math.isclose(sum(c.share for c in settings.corpora), 1, abs_tol=0.05)
        assert all(c.licence and c.source for c in settings.corpora)
