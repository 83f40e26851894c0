"""The published checkpoint: taken over to the last tensor, or refused with the reason, and nothing in it is run."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ocr_core.errors import ModelError
from ocr_core.recognizers.published.checkpoint import read_checkpoint
from tests.recognizers.published_weights import CHARACTERS, checkpoint, network, state


def test_taken_over_whatever_the_names(tmp_path: Path) -> None:
    found = read_checkpoint(checkpoint(tmp_path / "a.pth", val_cer=np.float64(0.1295)))
    assert found.charset.characters == CHARACTERS
    assert (found.epoch, found.val_cer) == (10, 0.1295)
    for (name, value), (own, expected) in zip(
        found.network.state_dict().items(), network().state_dict().items(), strict=True
    ):
        assert name == own
        assert torch.equal(value, expected)


@pytest.mark.parametrize(
    "table",
    [
        {"idx_to_char": dict(enumerate(CHARACTERS, 1))},
        {"idx_to_char": {0: "<blank>"} | dict(enumerate(CHARACTERS, 1))},
        {"vocab": list(CHARACTERS)},
        {"chars": CHARACTERS},
        {"config": {"height": 128, "charset": ["", *CHARACTERS]}},
    ],
    ids=["by-output", "with-blank", "list", "text", "inside"],
)
def test_the_table_is_found_in_any_form(tmp_path: Path, table: dict[str, Any]) -> None:
    found = read_checkpoint(checkpoint(tmp_path / "a.pth", char_to_idx=None, **table))
    assert found.charset.characters == CHARACTERS
    assert torch.equal(found.network.fc.bias, network().fc.bias)


def test_a_blank_at_the_end_is_moved_to_the_front(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pth", char_to_idx={c: i for i, c in enumerate(CHARACTERS)})
    found = read_checkpoint(path).network
    assert torch.equal(found.fc.weight[0], network().fc.weight[74])
    assert torch.equal(found.fc.weight[1:], network().fc.weight[:74])


def test_an_object_of_the_training_notebook_is_only_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CharacterMapper:
        def __init__(self) -> None:
            self.char_to_idx = {c: i + 1 for i, c in enumerate(CHARACTERS)}

        def __setstate__(self, values: object) -> None:
            raise AssertionError("run")

    CharacterMapper.__module__, CharacterMapper.__qualname__ = "__main__", "CharacterMapper"
    monkeypatch.setattr(sys.modules["__main__"], "CharacterMapper", CharacterMapper, raising=False)
    path = checkpoint(tmp_path / "a.pth", char_to_idx=None, char_mapper=CharacterMapper())
    assert read_checkpoint(path).charset.characters == CHARACTERS


def test_without_a_table_it_must_be_given(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pth", char_to_idx=None)
    with pytest.raises(ModelError, match="no character table") as caught:
        read_checkpoint(path)
    assert "--characters" in caught.value.remedy
    assert read_checkpoint(path, CHARACTERS).charset.characters == CHARACTERS


@pytest.mark.parametrize("table", [CHARACTERS[:-1], CHARACTERS + "z", CHARACTERS[:-1] + "a"])
def test_a_wrong_table_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(ModelError, match="table"):
        read_checkpoint(checkpoint(tmp_path / "a.pth", char_to_idx=None, chars=table))
    with pytest.raises(ModelError, match="table"):
        read_checkpoint(checkpoint(tmp_path / "b.pth"), table)


def _first(values: dict[str, torch.Tensor]) -> str:
    return next(iter(values))


def _missing(s: dict[str, torch.Tensor]) -> None:
    del s[_first(s)]


def _extra(s: dict[str, torch.Tensor]) -> None:
    s["more"] = torch.zeros(3)


def _reshaped(s: dict[str, torch.Tensor]) -> None:
    s[_first(s)] = torch.zeros(64, 3, 3, 3)


def _not_finite(s: dict[str, torch.Tensor]) -> None:
    s[_first(s)] = torch.full((64, 1, 3, 3), float("nan"))


def _swapped(s: dict[str, torch.Tensor]) -> None:
    keys = list(s)
    order = [keys[0], keys[4], *[k for k in keys if k not in (keys[0], keys[4])]]
    values = dict(s)
    s.clear()
    s.update({k: values[k] for k in order})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_missing, "nothing of shape"),
        (_extra, "left over"),
        (_reshaped, "left over"),
        (_not_finite, "numbers"),
        (_swapped, "stands where"),
    ],
)
def test_other_tensors_are_refused(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    values = state()
    change(values)
    with pytest.raises(ModelError, match=message):
        read_checkpoint(checkpoint(tmp_path / "a.pth", model_state_dict=values))


def test_a_malicious_pickle_is_refused_unopened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    (tmp_path / "b.pth").write_bytes(pickle.dumps({"model_state_dict": Trap()}))
    for path in (checkpoint(tmp_path / "a.pth", char_mapper=Trap()), tmp_path / "b.pth"):
        with pytest.raises(ModelError, match=r"not opened: .*nsupported") as caught:
            read_checkpoint(path)
        assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_a_truncated_or_foreign_file_is_refused(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path / "a.pth").read_bytes()
    for kept in (0, 10, len(whole) // 2, len(whole) - 100):
        (tmp_path / "b.pth").write_bytes(whole[:kept])
        with pytest.raises(ModelError, match="not opened"):
            read_checkpoint(tmp_path / "b.pth")
    for values in ([1], {"state": {}}, {"model_state_dict": {"a": 1}}):
        torch.save(values, tmp_path / "b.pth")
        with pytest.raises(ModelError, match=r"b\.pth"):
            read_checkpoint(tmp_path / "b.pth")
