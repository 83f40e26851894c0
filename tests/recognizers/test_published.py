"""From the published file to texts: pulled once, verified before each load, read as the published loop reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ocr_core.errors import ModelError
from ocr_core.models import card_of
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import greedy
from ocr_core.recognizers.published.engine import NAME, load_published, pull_published
from ocr_core.recognizers.published.file import EVENED, FORMAT, read_published, write_published
from ocr_core.records import LineImage, Transcript
from tests.recognizers.published_weights import CHARACTERS, checkpoint, network


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    pull_published(source=checkpoint(root / "best_model.pth"), root=root)
    return root


def test_a_file_that_is_refused_is_not_what_later_pulls_are_held_to(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "best_model.pth")
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut short"):
        pull_published(source=tmp_path / "cut.pth", root=tmp_path / "models")
    assert pull_published(source=path, root=tmp_path / "models").name == NAME
    other = checkpoint(tmp_path / "other.pth", epoch=11)
    with pytest.raises(ModelError, match="not the file pulled first"):
        pull_published(source=other, root=tmp_path / "models")


def test_the_card_tells_where_the_weights_are_from(root: Path) -> None:
    card = card_of(NAME, root / NAME)
    assert card.parameters == 9_139_147
    assert card.licence == "MIT"
    assert card.figures[0].value == pytest.approx(0.1295)
    assert not (root / NAME / "download").exists()


def test_reads_what_the_published_loop_reads(root: Path) -> None:
    engine = load_published(folder=root / NAME, device="cpu", precision="fp32")
    rng = np.random.default_rng(2)
    plain, images, everything = [], [], []
    for number in range(6):
        height, width = int(rng.integers(40, 70)), int(rng.integers(20, 120))
        pixels = np.full((height, width), 230, np.uint8)
        for x in range(3, width - 5, 7):
            y = int(rng.integers(0, height // 2))
            pixels[y : y + int(rng.integers(8, 30)), x : x + int(rng.integers(2, 6))] = int(
                rng.integers(0, 120)
            )
        scaled = Image.fromarray(pixels).resize((int(128 * (width / height)), 128), Image.Resampling.LANCZOS)
        x = torch.from_numpy((np.array(scaled, np.float32) / 255 - 0.5) / 0.5)[None, None]
        with torch.inference_mode():
            scores = network()(x).log_softmax(2)[:, 0].numpy()
        plain.append(" ".join("".join(CHARACTERS[c - 1] for c in greedy(scores).classes).split()))
        everything.append(scores)
        images.append(LineImage(f"p-00001-{number:04d}", pixels, 0.0, np.eye(2, 3)))
    read = engine.recognize(images)
    assert [t.text for t in read if isinstance(t, Transcript)] == plain
    for own, scores in zip(engine.log_probs([i.pixels for i in images]), everything, strict=True):
        np.testing.assert_allclose(own, scores, atol=1e-3)


def test_not_pulled_or_damaged_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        load_published(folder=tmp_path)
    assert "warraq models pull crnn-published" in caught.value.remedy
    for file in (root / NAME).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / f"{NAME}.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / f"{NAME}.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_published(folder=tmp_path)


def test_files_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_published(path, network(), Charset(CHARACTERS), EVENED)
    found, charset, preparation = read_published(path.read_bytes(), "a")
    assert (charset.characters, preparation) == (CHARACTERS, EVENED)
    assert all(
        torch.equal(a, b)
        for a, b in zip(found.state_dict().values(), network().state_dict().values(), strict=True)
    )
    tensors = load_file(path)
    header = {"format": FORMAT, "characters": CHARACTERS, "preparation": EVENED}
    for change, message in (
        ({"format": "x"}, "not a warraq"),
        ({"preparation": "x"}, "does not say how"),
        ({"characters": CHARACTERS[1:]}, "does not fit"),
    ):
        save_file(tensors, path, metadata=header | change)
        with pytest.raises(ModelError, match=message):
            read_published(path.read_bytes(), "a")
    tensors.pop("fc.bias")
    save_file(tensors, path, metadata=header)
    with pytest.raises(ModelError, match="does not fit"):
        read_published(path.read_bytes(), "a")
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_published(path.read_bytes()[:1000], "a")
    with pytest.raises(ModelError, match="classes in the table"):
        write_published(path, network(), Charset("ab"), EVENED)
