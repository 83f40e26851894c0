"""TrOCR folders: read alike in any company, whatever settings of generation they bring; refused when anything is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.models.pulled import pulled
from ocr_core.models.remote import REMOTE
from ocr_core.recognizers.register import load_reader, reader_stamp
from ocr_core.recognizers.trocr.engine import TrocrRecognizer, loops
from ocr_core.recognizers.trocr.file import load_folder, save_folder
from ocr_core.recognizers.trocr.pull import NAME, load_trocr, pull_trocr
from ocr_core.records import GreyImage
from tests.recognizers.tiny_trocr import publish, save_tiny_trocr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_trocr(tmp_path_factory.mktemp("trocr") / "tiny")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def pictures(count: int) -> list[GreyImage]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (40, int(w)), dtype=np.uint8) for w in rng.integers(60, 400, count)]


def test_every_token_has_its_probability_and_batches_do_not_matter(folder: Path) -> None:
    reader = TrocrRecognizer.load(folder, device="cpu")
    together = reader.readings(pictures(5))
    alone = [reader.readings([p])[0] for p in pictures(5)]
    assert len({r.text for r in together}) > 1
    for a, b in zip(together, alone, strict=True):
        assert (a.text, a.ended) == (b.text, b.ended)
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert len(a.tokens) == len(b.tokens) > 0
        assert all(0 <= p <= 1 for _, p in a.tokens)


def test_probabilities_are_those_of_the_plain_model(folder: Path) -> None:
    """An oracle: greedy steps without any cache, one line, straight from the definition."""
    reader = TrocrRecognizer.load(folder, device="cpu")
    loaded = load_folder(folder)
    from ocr_core.recognizers.trocr.images import model_input

    picture = pictures(1)[0]
    pixels = torch.from_numpy(model_input(picture, loaded.shape))[None]
    ids, logs = [loaded.start], []
    with torch.inference_mode():
        while len(ids) < 12:
            logits = loaded.model(pixel_values=pixels, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
            ids.append(int(logits.argmax()))
            logs.append(float(logits.log_softmax(0).max()))
            if ids[-1] == loaded.end:
                break
    found = reader.readings([picture])[0]
    for (_, probability), log in zip(found.tokens, logs, strict=False):
        assert probability == pytest.approx(np.exp(log), rel=1e-3)


def test_beams_find_nothing_less_likely(folder: Path) -> None:
    images = pictures(3)
    greedy = TrocrRecognizer.load(folder, device="cpu").readings(images)
    reader = TrocrRecognizer.load(folder, device="cpu", beams=3)
    assert dict(reader.stamp.settings)["decoding"] == "beams-3"
    searched = reader.readings(images)
    assert len(searched) == 3
    assert max(s.confidence - g.confidence for s, g in zip(searched, greedy, strict=True)) > -0.05


def test_loops_are_seen() -> None:
    assert loops([5, 6, 7] * 8)
    assert loops([1, 2, 3] + [9] * 24)
    assert not loops(list(range(40)))
    assert not loops([5, 6] * 8)
    assert not loops([9] * 24 + [1, 2, 3])


def test_a_folder_is_a_reader_by_its_path(folder: Path) -> None:
    reader = load_reader(str(folder), device="cpu")
    assert reader.stamp.name == "tiny"
    assert reader_stamp(str(folder)) == reader.stamp
    assert reader_stamp(str(folder), "beam") == load_reader(str(folder), device="cpu", decoding="beam").stamp


def test_a_saved_folder_has_every_tensor(folder: Path, tmp_path: Path) -> None:
    loaded = load_folder(folder)
    loaded.steps = ("median",)
    save_folder(tmp_path / "again", loaded)
    again = load_folder(tmp_path / "again")
    assert (again.shape, again.steps, again.start, again.end) == (
        loaded.shape,
        ("median",),
        loaded.start,
        loaded.end,
    )
    ours, theirs = loaded.model.state_dict(), again.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    (tmp_path / "again" / "warraq.json").write_text('{"steps": ["sharpen"]}')
    with pytest.raises(ModelError, match="unknown steps sharpen"):
        load_folder(tmp_path / "again")


def test_wrong_folders_are_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder") as caught:
        load_folder(tmp_path / "nowhere")
    assert "warraq models pull" in caught.value.remedy
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(ModelError, match="of type bert"):
        load_folder(copy)


def test_missing_tensors_are_refused_not_made_up(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    gone = next(name for name in tensors if "decoder.layers.1.fc1.weight" in name)
    save_file({n: t for n, t in tensors.items() if n != gone}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks tensors: decoder\..*fc1\.weight"):
        load_folder(copy)
    save_file(tensors | {"extra.weight": torch.zeros(2)}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"tensors of another network: extra\.weight"):
        load_folder(copy)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_folder(copy)


def test_one_table_for_words_in_and_out_is_no_gap(copy: Path) -> None:
    """The layout of the published weights, whose file holds no output layer."""
    config = json.loads((copy / "config.json").read_text())
    config["decoder"]["tie_word_embeddings"] = True
    (copy / "config.json").write_text(json.dumps(config))
    tensors = load_file(copy / "model.safetensors")
    del tensors["decoder.output_projection.weight"]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    decoder = load_folder(copy).model.decoder
    assert torch.equal(decoder.output_projection.weight, tensors["decoder.model.decoder.embed_tokens.weight"])


def test_a_pickle_is_never_opened(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_folder(copy)

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (copy / "exploded",))

    torch.save({"a": Bomb()}, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="as a pickle") as caught:
        load_folder(copy)
    assert "safetensors" in caught.value.remedy
    assert not (copy / "exploded").exists()


def test_pulled_once_and_held_to_it(folder: Path, tmp_path: Path) -> None:
    source = publish(folder, tmp_path / "published")
    card = pull_trocr(source=source, root=tmp_path / "models")
    record = pulled(NAME, tmp_path / "models")
    assert record is not None
    assert record.sha256["model.safetensors"] == card.sha256
    assert set(record.sha256) == set(REMOTE[NAME].files)
    reader = load_trocr(NAME, device="cpu", root=tmp_path / "models")
    assert reader.stamp.weights_sha256 == card.sha256
    given = TrocrRecognizer.load(folder, device="cpu")
    assert [r.text for r in reader.readings(pictures(2))] == [r.text for r in given.readings(pictures(2))]
    (tmp_path / "models" / NAME / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="is not the file that was pulled") as caught:
        load_trocr(NAME, device="cpu", root=tmp_path / "models")
    assert f"warraq models pull {NAME}" in caught.value.remedy


def test_without_network_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingDependency, match="cannot be downloaded") as caught:
        pull_trocr(root=tmp_path)
    assert f"warraq models pull {NAME} --from PATH" in caught.value.remedy
    with pytest.raises(ModelError, match="is not on this machine"):
        load_trocr(NAME, root=tmp_path)
