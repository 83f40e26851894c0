"""The log of versions against a plain list of what was added and removed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ocr_core.errors import LibraryError
from ocr_core.library import manifest
from ocr_core.library.manifest import Conflict, DataFile, ManifestLog


def data_file(number: int) -> DataFile:
    return DataFile(f"lines/collection=c%201/run=r/part-{number}.parquet", rows=number, bytes=1)


def new_log(folder: Path) -> ManifestLog:
    log = ManifestLog(folder / "_log")
    log.prepare()
    return log


def test_path_tells_data_set_collection_and_run() -> None:
    file = data_file(1)
    assert (file.dataset, file.collection, file.run_id) == ("lines", "c 1", "r")


def test_every_version_is_what_was_added_less_what_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "SNAPSHOT_EVERY", 5)
    writers = [new_log(tmp_path), new_log(tmp_path)]
    rng = random.Random(3)
    live: list[DataFile] = []
    expected: list[list[DataFile]] = [[]]
    for number in range(40):
        gone = rng.sample(live, min(len(live), 2)) if rng.random() < 0.3 else []
        live = [f for f in live if f not in gone] + [data_file(number)]
        version = rng.choice(writers).commit("test", [data_file(number)], [f.path for f in gone])
        assert version == number + 1
        expected.append(list(live))
    for log in (*writers, new_log(tmp_path)):
        assert list(log.state().files.values()) == expected[-1]
        for version in rng.sample(range(41), 41):
            assert list(log.state(version).files.values()) == expected[version]


def test_file_is_removed_once(tmp_path: Path) -> None:
    one, two = new_log(tmp_path), new_log(tmp_path)
    one.commit("publish", [data_file(1)])
    two.state()
    one.commit("compact", [data_file(2)], [data_file(1).path])
    with pytest.raises(Conflict):
        two.commit("compact", [data_file(3)], [data_file(1).path])
    assert two.latest() == 2


def test_loser_of_a_race_takes_the_next_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = new_log(tmp_path), new_log(tmp_path)
    monkeypatch.setattr(two, "latest", lambda: 0)  # as if it had looked just before the other committed
    assert one.commit("publish", [data_file(1)]) == 1
    assert one.commit("publish", [data_file(2)]) == 2
    assert two.commit("publish", [data_file(3)]) == 3
    assert list(new_log(tmp_path).state().files.values()) == [data_file(n) for n in (1, 2, 3)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b"\xff"])
def test_damaged_log_is_named(tmp_path: Path, content: bytes) -> None:
    log = new_log(tmp_path)
    log.commit("publish", [data_file(1)])
    (tmp_path / "_log/00000001.json").write_bytes(content)
    with pytest.raises(LibraryError, match="00000001"):
        new_log(tmp_path).state()


def test_missing_version_is_named(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    for number in range(3):
        log.commit("publish", [data_file(number)])
    (tmp_path / "_log/00000002.json").unlink()
    with pytest.raises(LibraryError, match="Version 2"):
        new_log(tmp_path).state()


def test_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr("os.link", refuse)
    one, two = new_log(tmp_path), new_log(tmp_path)
    monkeypatch.setattr(two, "latest", lambda: 0)
    assert (one.commit("publish", [data_file(1)]), two.commit("publish", [data_file(2)])) == (1, 2)
    assert len(new_log(tmp_path).state().files) == 2
