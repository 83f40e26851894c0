"""Pulling: from a hub that speaks its protocol, from a file, and never anything else than what was pulled first."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ocr_core.errors import MissingDependency, ModelError, UsageError
from ocr_core.models import sha256_of
from ocr_core.models.pull import drop_downloads, fetched, place_files
from ocr_core.models.pulled import MODELS_VARIABLE, models_folder, pulled, verified_folder
from ocr_core.models.remote import RemoteModel, remote_model

COMMIT = "c0ffee" + "0" * 34
MODEL = RemoteModel("m", "kind", "someone/something", "main", ("best.pth",), "MIT", 1)


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's protocol that a download uses."""

    content = b"weights"
    files: tuple[str, ...] = ("best.pth",)
    asked: list[str] = []

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if self._answer():
            self.wfile.write(self.content)

    def _answer(self) -> bool:
        self.asked.append(self.path)
        if self.path.startswith("/api/models/someone/something/tree/main"):
            self._list()
            return False
        found = self.path in (
            f"/someone/something/resolve/{revision}/{file}"
            for revision in ("main", COMMIT)
            for file in self.files
        )
        self.send_response(200 if found else 404)
        if found:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", '"1"')
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()
        return found

    def _list(self) -> None:
        listed = [
            {"type": "file", "path": path, "size": len(self.content), "oid": "1"} for path in self.files
        ]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(listed).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Hub.asked, Hub.content, Hub.files = [], b"weights", ("best.pth",)
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_first_pull_pins_the_commit_and_records_the_digest(hub: type[Hub], tmp_path: Path) -> None:
    with fetched(MODEL, root=tmp_path) as paths:
        path = paths["best.pth"]
        assert path.read_bytes() == b"weights"
        assert pulled("m", tmp_path) is None
    record = pulled("m", tmp_path)
    assert record is not None
    assert record.revision == COMMIT
    assert record.sha256 == {"best.pth": sha256_of(path)}
    asked = len(hub.asked)
    with fetched(MODEL, root=tmp_path):
        pass
    assert len(hub.asked) == asked
    drop_downloads("m", tmp_path)
    with fetched(MODEL, root=tmp_path):
        pass
    assert COMMIT in hub.asked[-1]


def test_a_model_of_many_files_is_pulled_without_its_code_and_pickles(hub: type[Hub], tmp_path: Path) -> None:
    hub.files = ("a.safetensors", "b.safetensors", "config.json", "code.py", "old.bin", "deep/more.json")
    many = RemoteModel("m", "kind", "someone/something", "main", ("*.safetensors", "*.json"), "MIT", 1)
    with fetched(many, root=tmp_path) as paths:
        assert set(paths) == {"a.safetensors", "b.safetensors", "config.json"}
        place_files(paths, tmp_path / "m", downloaded=True)
    record = pulled("m", tmp_path)
    assert record is not None and record.revision == COMMIT
    (tmp_path / "m" / "m.json").write_text("{}")
    assert verified_folder("m", tmp_path) == tmp_path / "m"
    (tmp_path / "m" / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"b\.safetensors is missing or is not the file that was pulled"):
        verified_folder("m", tmp_path)


def test_what_is_not_there_is_said_with_a_remedy(hub: type[Hub], tmp_path: Path) -> None:
    other = RemoteModel("m", "kind", "someone/something", "main", ("other.pth",), "MIT", 1)
    with pytest.raises(MissingDependency, match="someone/something") as caught, fetched(other, root=tmp_path):
        pass
    assert "--from" in caught.value.remedy
    assert pulled("m", tmp_path) is None


def test_a_hub_that_is_not_reached_is_said_with_a_remedy(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{nobody}")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the hub asks again, later and later
    many = RemoteModel("m", "kind", "someone/something", "main", ("*.pth",), "MIT", 1)
    with (
        pytest.raises(MissingDependency, match="cannot be downloaded") as caught,
        fetched(many, root=tmp_path),
    ):
        pass
    assert "--from" in caught.value.remedy


def test_files_given_by_hand(tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_bytes(b"x")
    for source in (tmp_path, tmp_path / "best.pth"):
        with fetched(MODEL, source, tmp_path / "models") as paths:
            assert paths == {"best.pth": tmp_path / "best.pth"}
    with pytest.raises(ModelError, match="not there"), fetched(MODEL, tmp_path / "none", tmp_path / "models"):
        pass


def test_another_file_than_the_first_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "best.pth"
    source.write_bytes(b"x")
    with fetched(MODEL, source, tmp_path / "models"):
        pass
    source.write_bytes(b"y")
    with (
        pytest.raises(ModelError, match="not the file pulled first"),
        fetched(MODEL, source, tmp_path / "models"),
    ):
        pass
    known = RemoteModel("k", "kind", "a/b", "main", ("best.pth",), "MIT", 1, (("best.pth", "0" * 64),))
    with pytest.raises(ModelError, match="that Warraq knows"), fetched(known, source, tmp_path / "models"):
        pass
    assert pulled("k", tmp_path / "models") is None


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "pulled.json").write_text("[]")
    with pytest.raises(ModelError, match="damaged"):
        pulled("m", tmp_path)


def test_names_and_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert remote_model("crnn-published").files == ("best_model.pth",)
    with pytest.raises(UsageError, match="there are: crnn-published"):
        remote_model("none")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert models_folder() == tmp_path
    monkeypatch.setenv(MODELS_VARIABLE, "")
    assert models_folder().parts[-3:] == (".cache", "warraq", "models")
