"""The line engine: one answer a picture, whatever the pictures; nothing read from damaged weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ocr_core.errors import ModelError
from ocr_core.models import ModelCard, sha256_of, write_card
from ocr_core.recognizers.crnn.engine import CrnnRecognizer, crnn_stamp
from ocr_core.recognizers.crnn.file import write_crnn
from ocr_core.recognizers.crnn.network import Crnn, CrnnShape
from ocr_core.recognizers.decoding.beam import BeamSettings, CharacterModel, beam_search
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import greedy
from ocr_core.recognizers.decoding.ngram import NgramModel, write_ngram
from ocr_core.records import Failure, LineImage, Transcript
from ocr_core.training.language.kneser_ney import estimate

CHARSET = Charset(" abcdefgh")
SHAPE = CrnnShape(classes=10, height=32, channels=(4, 8, 8, 12), hidden=12, layers=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(3)
    network = Crnn(SHAPE)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "weight_ih" in name or name == "head.weight":
                weight *= 4  # so that different lines give different texts
        network.train()
        for _ in range(40):  # until batch norm knows the statistics
            network((torch.rand(4, 1, 32, 128) > 0.9).float(), torch.full((4,), 128))
    write_crnn(folder / "tiny.safetensors", network.eval(), CHARSET)
    _write_card(folder)
    return folder


def _write_card(folder: Path, **changes: object) -> None:
    values = {
        "name": "tiny", "version": "1", "kind": "crnn", "file": "tiny.safetensors", "licence": "Apache-2.0", "parameters": 1,
        "sha256": sha256_of(folder / "tiny.safetensors"), "calibration": ((0.0, 0.0), (1.0, 0.5)),
    }  # fmt: skip
    write_card(folder / "tiny.json", ModelCard(**(values | changes)))  # type: ignore[arg-type]


def _lines(count: int, seed: int = 0) -> list[LineImage]:
    rng = np.random.default_rng(seed)
    images = []
    for number in range(count):
        height, width = int(rng.integers(20, 90)), int(rng.integers(60, 700))
        pixels = np.full((height, width), 230, np.uint8)
        for _ in range(width // 12):
            x, y = int(rng.integers(0, width - 5)), int(rng.integers(0, height - 5))
            pixels[y : y + int(rng.integers(4, 20)), x : x + int(rng.integers(2, 6))] = 30
        images.append(LineImage(f"page-00001-{number:04d}", pixels, 0.7 * height, np.eye(2, 3)))
    return images


def test_same_length_same_order_and_alike_alone_and_together(folder: Path) -> None:
    engine = CrnnRecognizer.load("tiny", folder=folder, device="cpu", precision="fp32")
    images = _lines(40)
    together = engine.recognize(images)
    assert [t.line_id for t in together if isinstance(t, Transcript)] == [i.line_id for i in images]
    alone = [engine.recognize([image])[0] for image in images]
    assert [t.text for t in together] == [t.text for t in alone]  # type: ignore[union-attr]
    assert len({t.text for t in together}) > 10  # type: ignore[union-attr]
    for a, b in zip(together, alone, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)  # type: ignore[union-attr]


def test_a_bad_picture_fails_alone(folder: Path) -> None:
    engine = CrnnRecognizer.load("tiny", folder=folder, device="cpu", precision="fp32")
    good = _lines(2)
    wrong = [
        LineImage("page-00001-0007", np.zeros((30, 40, 3), np.uint8), 0, np.eye(2, 3)),
        LineImage("page-00001-0008", np.zeros((0, 40), np.uint8), 0, np.eye(2, 3)),
        LineImage("page-00001-0009", np.zeros((3, 9000), np.uint8), 0, np.eye(2, 3)),
    ]
    answers = engine.recognize([good[0], *wrong, good[1]])
    assert [type(a) for a in answers] == [Transcript, Failure, Failure, Failure, Transcript]
    assert [a.kind for a in answers if isinstance(a, Failure)] == [
        "bad-line-image",
        "bad-line-image",
        "line-too-long",
    ]
    assert all(a.page_id == "page-00001" and a.remedy for a in answers if isinstance(a, Failure))


def test_no_pictures_no_answers(folder: Path) -> None:
    assert CrnnRecognizer.load("tiny", folder=folder, device="cpu").recognize([]) == []


def test_carries_the_stamp_of_its_weights_and_its_calibration(folder: Path) -> None:
    engine = CrnnRecognizer.load("tiny", folder=folder, device="cpu", precision="fp32")
    assert engine.stamp.name == "tiny"
    assert engine.stamp.weights_sha256 == sha256_of(folder / "tiny.safetensors")
    answers = engine.recognize(_lines(5))
    raw = [greedy(scores).confidence for scores in engine.log_probs([i.pixels for i in _lines(5)])]
    for answer, confidence in zip(answers, raw, strict=True):
        assert isinstance(answer, Transcript)
        assert answer.confidence == pytest.approx(confidence / 2, abs=1e-4)
        assert answer.engine == engine.stamp


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "tiny.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "tiny.safetensors").write_bytes(data)
    (tmp_path / "tiny.json").write_bytes((folder / "tiny.json").read_bytes())
    with pytest.raises(ModelError, match="damaged"):
        CrnnRecognizer.load("tiny", folder=tmp_path)


def test_weights_of_another_kind_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.safetensors").write_bytes((folder / "tiny.safetensors").read_bytes())
    _write_card(tmp_path, kind="script")
    with pytest.raises(ModelError, match="not a line reader"):
        CrnnRecognizer.load("tiny", folder=tmp_path)


def _write_language(folder: Path, **changes: object) -> None:
    model = estimate(["ab cab", "bad ace", "fed a bee", "cab"] * 3, 3, (1, 1, 1))
    write_ngram(folder / "words.safetensors", model)
    values = {
        "name": "words", "version": "1", "kind": "ngram", "file": "words.safetensors", "licence": "Apache-2.0",
        "parameters": 1,
        "sha256": sha256_of(folder / "words.safetensors"), "settings": (("alpha", "0.8"), ("beam", "6"), ("beta", "0.5")),
    }  # fmt: skip
    write_card(folder / "words.json", ModelCard(**(values | changes)))  # type: ignore[arg-type]


def test_beam_search_is_stamped_and_reads_as_the_search_does(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    _write_language(tmp_path)
    greedily = CrnnRecognizer.load("tiny", folder=tmp_path, device="cpu", precision="fp32")
    engine = CrnnRecognizer.load(
        "tiny", folder=tmp_path, device="cpu", precision="fp32", decoding="beam", language_model="words"
    )
    assert dict(greedily.stamp.settings) == {"decoding": "greedy"}  # there is no lm-latin in this folder
    assert dict(engine.stamp.settings) == {
        "decoding": "beam", "alpha": "0.8", "beta": "0.5", "beam": "6",
        "language_model": sha256_of(tmp_path / "words.safetensors"),
    }  # fmt: skip
    assert engine.stamp == crnn_stamp("tiny", language_model="words", folder=tmp_path)
    images = _lines(6)
    model = CharacterModel(NgramModel.load("words", folder=tmp_path), CHARSET, 0.8, 0.5)
    found = beam_search(engine.log_probs([i.pixels for i in images]), BeamSettings(width=6), model)
    texts = [" ".join(CHARSET.decode(reading.decoded.classes).split()) for reading in found]
    answers = engine.recognize(images)
    assert [a.text for a in answers if isinstance(a, Transcript)] == texts
    assert texts != [a.text for a in greedily.recognize(images) if isinstance(a, Transcript)]
    for answer, image in zip(answers, images, strict=True):
        assert isinstance(answer, Transcript)
        assert " ".join(word.text for word in answer.words) == answer.text
        assert all(0 <= w.box.x0 < w.box.x1 <= image.pixels.shape[1] for w in answer.words)


def test_the_language_model_goes_on_with_the_calibration(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    confidences = []
    for calibration in [(), ((0.0, 0.0), (1.0, 0.8))]:
        _write_language(tmp_path, calibration=calibration)
        engine = CrnnRecognizer.load(
            "tiny", folder=tmp_path, device="cpu", precision="fp32", decoding="beam", language_model="words"
        )
        answers = engine.recognize(_lines(4))
        confidences.append([a.confidence for a in answers if isinstance(a, Transcript)])
    assert confidences[1] == pytest.approx([0.8 * c for c in confidences[0]])


def test_a_language_model_without_settings_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for settings in [(), (("alpha", "much"), ("beam", "6"), ("beta", "1"))]:
        _write_language(tmp_path, settings=settings)
        with pytest.raises(ModelError, match="how to search"):
            CrnnRecognizer.load("tiny", folder=tmp_path, decoding="beam", language_model="words")
    with pytest.raises(ModelError, match="No packaged model"):
        CrnnRecognizer.load("tiny", folder=folder, decoding="beam")
