"""Files of weights: what is written is read; whatever else is refused by name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ocr_core.errors import ModelError
from ocr_core.recognizers.crnn.file import read_crnn, write_crnn
from ocr_core.recognizers.crnn.network import Crnn, CrnnShape
from ocr_core.recognizers.decoding.charset import Charset

CHARSET = Charset("abcé ")
SHAPE = CrnnShape(classes=6, height=32, channels=(4, 4, 8, 8), hidden=6, layers=1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    write_crnn(tmp_path / "a.safetensors", Crnn(SHAPE), CHARSET)
    return tmp_path / "a.safetensors"


def _rewritten(path: Path, *, header: dict[str, str] | None = None, drop: str = "", add: str = "") -> bytes:
    tensors = load_file(str(path))
    tensors.pop(drop, None)
    if add:
        tensors[add] = torch.zeros(2)
    own = {"format": "warraq-crnn-1", "shape": _shape(), "characters": CHARSET.characters}
    save_file(tensors, str(path), metadata=own | (header or {}))
    return path.read_bytes()


def _shape(**changes: object) -> str:
    values = {"classes": 6, "height": 32, "channels": [4, 4, 8, 8], "hidden": 6, "layers": 1, "dropout": 0.25}
    return json.dumps(values | changes)


def test_comes_back_as_it_was_up_to_half_precision(written: Path) -> None:
    torch.manual_seed(0)
    before = Crnn(SHAPE)
    network, charset = read_crnn(written.read_bytes(), "a")
    assert charset == CHARSET
    assert network.shape == SHAPE
    for name, value in before.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"weights": Trap()}, tmp_path / "a.pt")
    for data in (pickle.dumps(Trap()), (tmp_path / "a.pt").read_bytes()):
        with pytest.raises(ModelError, match="not a whole safetensors file"):
            read_crnn(data, "a.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kept", [0, 5, 100, 2000, -1])
def test_a_file_cut_short_is_refused(written: Path, kept: int) -> None:
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_crnn(written.read_bytes()[:kept], "a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"header": {"format": "other"}}, "not a warraq-crnn-1 file"),
        ({"header": {"characters": "abc"}}, "6 outputs and a table of 3"),
        ({"header": {"characters": "abca "}}, "twice"),
        ({"header": {"shape": "{}"}}, "damaged header"),
        ({"header": {"shape": "no json"}}, "damaged header"),
        ({"header": {"shape": _shape(surprise=1)}}, "damaged header"),
        ({"header": {"shape": _shape(hidden=7)}}, "does not fit its network"),
        ({"drop": "head.bias"}, "does not fit its network"),
        ({"add": "more"}, "does not fit its network"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(written: Path, change: dict, message: str) -> None:
    data = _rewritten(written, **change)
    with pytest.raises(ModelError, match=message):
        read_crnn(data, "a")


def test_weights_that_are_not_numbers_are_refused(written: Path) -> None:
    tensors = load_file(str(written))
    tensors["head.bias"][0] = float("nan")
    header = {"format": "warraq-crnn-1", "shape": _shape(), "characters": CHARSET.characters}
    save_file(tensors, str(written), metadata=header)
    with pytest.raises(ModelError, match="not numbers"):
        read_crnn(written.read_bytes(), "a")
