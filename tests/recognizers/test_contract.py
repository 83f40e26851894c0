"""What every registered line reader must keep: one answer a picture, in order; a bad picture fails alone; a line reads the
same in any company; the stamp tells who read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ocr_core.errors import MissingDependency, UsageError
from ocr_core.models.pulled import MODELS_VARIABLE
from ocr_core.recognizers.protocol import Recognizer
from ocr_core.recognizers.published.engine import pull_published
from ocr_core.recognizers.qwen.pull import pull_qwen
from ocr_core.recognizers.register import LOADERS, load_reader, reader_cards
from ocr_core.recognizers.trocr.pull import pull_trocr
from ocr_core.records import Failure, LineImage, Transcript
from tests.recognizers.published_weights import checkpoint
from tests.recognizers.tiny_trocr import publish, save_tiny_trocr

NAMES = (
    "crnn-ar",
    "crnn-latin",
    "crnn-published",
    "glyphs",
    "glyphs-published",
    "qwen-vl-arabic",
    "trocr-base-handwritten",
)


@pytest.fixture(scope="module", autouse=True)
def pulled(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODELS_VARIABLE, str(folder))
        pull_published(source=checkpoint(folder / "best_model.pth"))
        pull_trocr(source=publish(save_tiny_trocr(folder / "tiny"), folder / "published"))
        pull_qwen(source=tiny_qwen)
        yield folder


@pytest.fixture(scope="module", params=NAMES)
def engine(request: pytest.FixtureRequest, pulled: Path) -> Recognizer:
    return load_reader(request.param, device="cpu")


def lines(count: int) -> list[LineImage]:
    rng = np.random.default_rng(4)
    images = []
    for number in range(count):
        height, width = int(rng.integers(30, 70)), int(rng.integers(20, 110))
        pixels = np.full((height, width), 225, np.uint8)
        for _ in range(max(2, width // 10)):
            x, y = int(rng.integers(0, width - 4)), int(rng.integers(0, height - 4))
            pixels[y : y + int(rng.integers(4, 24)), x : x + int(rng.integers(2, 5))] = int(
                rng.integers(20, 120)
            )
        images.append(LineImage(f"{'ab' * 8}-00001-{number:04d}", pixels, 0.7 * height, np.eye(2, 3)))
    return images


def test_every_kind_is_tested(pulled: Path) -> None:
    assert {card.name for card in reader_cards()} == set(NAMES)
    assert {card.kind for card in reader_cards()} == set(LOADERS)


def test_one_answer_a_picture_and_a_bad_one_fails_alone(engine: Recognizer) -> None:
    good = lines(3)
    bad = [
        LineImage("p-00001-0007", np.zeros((30, 40, 3), np.uint8), 0, np.eye(2, 3)),
        LineImage("p-00001-0008", np.zeros((0, 40), np.uint8), 0, np.eye(2, 3)),
        LineImage("p-00001-0009", np.zeros((3, 9000), np.uint8), 0, np.eye(2, 3)),
        LineImage("p-00001-0010", np.zeros((30, 40), np.float32), 0, np.eye(2, 3)),  # type: ignore[arg-type]
    ]
    answers = engine.recognize([good[0], *bad[:2], good[1], *bad[2:], good[2]])
    kinds = [Transcript, Failure, Failure, Transcript, Failure, Failure, Transcript]
    assert [type(a) for a in answers] == kinds
    assert [a.line_id for a in answers if isinstance(a, Transcript)] == [i.line_id for i in good]
    assert all(
        a.kind and a.message and a.remedy and a.page_id == "p-00001"
        for a in answers
        if isinstance(a, Failure)
    )
    assert engine.recognize([]) == []


def test_a_line_reads_the_same_in_any_company(engine: Recognizer) -> None:
    images = lines(6)
    together = engine.recognize(images)
    for turned in (engine.recognize(images[::-1])[::-1], [engine.recognize([i])[0] for i in images]):
        assert [t.text for t in turned] == [t.text for t in together]  # type: ignore[union-attr]
        for a, b in zip(turned, together, strict=True):
            assert a.confidence == pytest.approx(b.confidence, abs=5e-3)  # type: ignore[union-attr]


def test_transcripts_are_whole(engine: Recognizer) -> None:
    assert engine.stamp.name in NAMES
    assert engine.stamp.version
    assert len(engine.stamp.weights_sha256) == 64
    assert {"decoding", "normalisation"} <= dict(engine.stamp.settings).keys()
    for image, answer in zip(images := lines(5), engine.recognize(images), strict=True):
        assert isinstance(answer, Transcript)
        assert answer.engine == engine.stamp
        assert 0 <= answer.confidence <= 1
        assert answer.text == " ".join(answer.text.split())
        height, width = image.pixels.shape
        for word in answer.words:
            assert 0 <= word.box.x0 < word.box.x1 <= width
            assert 0 <= word.box.y0 < word.box.y1 <= height
            assert 0 <= word.confidence <= 1


def test_a_name_that_is_not_registered_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"No line reader 'nobody'\.\s+Choose one of: crnn-ar, crnn-latin, crnn-published"
    ):
        load_reader("nobody")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_a_device_of_no_known_name_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match="No device"):
        load_reader("crnn-latin", device=device)


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(MissingDependency, match="cuda:99"):
        load_reader("crnn-latin", device="cuda:99")
