"""Training of the script network: what it is shown, that it learns, and that a run goes on where it was cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ocr_core.training.script.fit as module
from ocr_core.errors import ModelError, UsageError
from ocr_core.models import WEIGHTS, read_card
from ocr_core.records import EngineStamp
from ocr_core.script.router import ScriptRouter
from ocr_core.script.windows import HEIGHT, WIDTH
from ocr_core.training.checkpoints import CHECKPOINT, load_checkpoint
from ocr_core.training.script.config import ScriptTrainSettings
from ocr_core.training.script.corpus import ARABIC, HAND, LATIN, NONE, PRINT, Sample, has_letters
from ocr_core.training.script.drawing import ink_mask
from ocr_core.training.script.fit import calibrate, fit, window_of
from ocr_core.training.script.measure import measure_samples
from ocr_core.training.script.train import arabic_lines, train_script
from ocr_core.training.settings import load_settings
from ocr_core.training.synthetic.words import arabic_text
from tests.training.conftest import LETTERS_CORPUS

ARABIC_TEXT = ("كتاب التاريخ القديم", "وقال الشيخ رحمه الله", "ثم سار الى البلاد")


@pytest.fixture
def settings(letters: Path, arabic_font: Path, tmp_path: Path) -> ScriptTrainSettings:
    """A run on the drawn letters and a few drawn lines; document c is held out."""
    (letters.parent / "arabic.txt").write_text("\n".join(ARABIC_TEXT * 20), "utf-8")
    counts = dict.fromkeys(("arabic", "latin", "redrawn", "none"), 6) | {"other": 1}
    return ScriptTrainSettings.model_validate(
        {
            "name": "tiny",
            "data": letters.parent,
            "corpora": [LETTERS_CORPUS | {"hand": "printed"}],
            "synthetic": {"text": "arabic.txt", "fonts": arabic_font.parent} | counts,
            "schedule": {"steps": 6, "batch": 8},
            "run": {"folder": tmp_path / "runs" / "tiny", "workers": 1},
        }
    )


def striped(script: int, hand: int, step: tuple[int, int], rng: np.random.Generator) -> Sample:
    """A line of upright or level strokes: classes that a network can tell apart within seconds."""
    image = np.full((72, 600), 225, np.uint8)
    image[12 : 60 : step[0], 20 : 580 : step[1]] = 30
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    return Sample(noisy, script, hand, f"made-{script}")


def test_a_run_writes_weights_that_the_router_takes_and_their_card(settings: ScriptTrainSettings) -> None:
    card = train_script(settings)
    assert read_card(settings.run.folder / "tiny-1.json") == card
    assert card.kind == "script" and {source.name for source in card.data} == {"letters", "arabic"}
    assert any("synthetic-arabic" in figure.name for figure in card.figures)
    assert ScriptRouter.load("tiny-1", settings.run.folder).stamp.name == "tiny"


def test_a_run_that_was_cut_ends_with_the_same_weights(
    settings: ScriptTrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    samples = [striped(LATIN, HAND, (1, 9), rng), striped(ARABIC, PRINT, (9, 1), rng)]
    settings.run.folder.mkdir(parents=True)
    whole = fit(samples, settings).state_dict()
    run = settings.run.model_copy(update={"folder": tmp_path / "cut", "checkpoint_minutes": 1e-9})
    cut = settings.model_copy(update={"run": run})
    run.folder.mkdir()
    real, calls = module._loss, iter(range(6))

    def killed(*args: Any) -> torch.Tensor:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(module, "_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(samples, cut)
    monkeypatch.setattr(module, "_loss", real)
    assert load_checkpoint(run.folder, ("step",))["step"] == 3
    for name, value in fit(samples, cut).state_dict().items():
        torch.testing.assert_close(value, whole[name])


def test_unknown_settings_are_refused_and_missing_data_is_named(
    settings: ScriptTrainSettings, tmp_path: Path
) -> None:
    (tmp_path / "x.toml").write_text("speed = 3\n", "utf-8")
    with pytest.raises(UsageError, match="speed"):
        load_settings(ScriptTrainSettings, tmp_path / "x.toml")
    with pytest.raises(UsageError, match="letters"):
        train_script(settings.model_copy(update={"data": tmp_path / "nowhere"}))


def test_the_packaged_configuration_holds_out_what_the_card_says(tmp_path: Path) -> None:
    packaged = load_settings(ScriptTrainSettings, Path("script-router"), folder=tmp_path)
    card = read_card(WEIGHTS / "script-router.json")
    assert [c.name for c in packaged.corpora] + [packaged.synthetic.text.stem] == [d.name for d in card.data]
    assert all(
        name in card.notes for corpus in packaged.corpora for name in corpus.dev if corpus.name != "hooker"
    )
    assert all(font in card.notes for font in packaged.synthetic.held_fonts)


def test_text_kept_for_measuring_is_not_trained_on(settings: ScriptTrainSettings) -> None:
    (settings.data / "arabic.txt").write_text("\n".join(f"سطر رقم {n}" for n in range(400)), "utf-8")
    held, taken = (set(arabic_lines(settings, held=held)) for held in (True, False))
    assert not held & taken
    assert len(held) + len(taken) == 400
    assert 8 <= len(held) <= 40


def test_a_checkpoint_of_another_network_is_refused(settings: ScriptTrainSettings) -> None:
    settings.run.folder.mkdir(parents=True)
    torch.save(
        {"network": {"x": torch.zeros(1)}, "optimiser": {}, "step": 1}, settings.run.folder / CHECKPOINT
    )
    with pytest.raises(ModelError, match="another network"):
        fit([striped(LATIN, HAND, (1, 9), np.random.default_rng(0))], settings)


def test_a_few_steps_learn_what_is_easy(settings: ScriptTrainSettings) -> None:
    rng = np.random.default_rng(0)
    samples = [striped(LATIN, HAND, (1, 9), rng) for _ in range(6)]
    samples += [striped(ARABIC, PRINT, (9, 1), rng) for _ in range(6)]
    settings.run.folder.mkdir(parents=True)
    schedule = settings.schedule.model_copy(update={"steps": 30, "batch": 16, "peak": 5e-3})
    network = fit(samples, settings.model_copy(update={"schedule": schedule}))
    calibrate(network, samples)
    assert float(network.temperature) > 0
    router = ScriptRouter(network, EngineStamp("test", "0"))
    assert [figure.value for figure in measure_samples(router, samples)] == [1.0, 1.0]


def test_windows_for_training_have_the_network_s_shape():
    rng = np.random.default_rng(4)
    for width in (10, 100, 2000):
        image = np.full((72, width), 220, np.uint8)
        image[20:50, ::12] = 40
        for pad in (0.0, 0.25):
            window, script, hand = window_of(Sample(image, LATIN, HAND, "made", pad), rng)
            assert window.shape == (HEIGHT, WIDTH)
            assert window.dtype == np.float32
            assert (script, hand) in {(LATIN, HAND), (NONE, -1)}


def test_empty_windows_are_labelled_as_nothing_to_read():
    blank = Sample(np.full((72, 400), 220, np.uint8), LATIN, HAND, "made")
    assert window_of(blank, np.random.default_rng(0))[1:] == (NONE, -1)


def test_ink_of_a_line_becomes_a_mask():
    image = np.full((72, 300), 200, np.uint8)
    image[30:40, 50:250] = 40
    mask = ink_mask(image)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[35, 100] == 255
    assert mask[10, 100] == 0


def test_arabic_text_comes_from_its_lines():
    rng = np.random.default_rng(0)
    made = [arabic_text(["كتاب التاريخ القديم"], rng) for _ in range(100)]
    assert all(has_letters(text) for text in made)
    assert "كتاب" in made
