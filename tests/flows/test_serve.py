"""`warraq serve`: its address, its end, what it refuses."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ocr_core.library import Library
from tests.conftest import PATIENCE_S
from tests.library.make import document, result

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = Library.create(tmp_path_factory.mktemp("serve") / "library")
    letter = document("letter.png")
    library.publish("r1", "letters", documents=[letter], results=[result(letter.page(1), "Dear Sir")])
    return library.root


def test_it_serves_this_machine_until_it_is_interrupted(library: Path, start: Start) -> None:
    process = start("serve", library, "--port", "0")
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    with urlopen(address, timeout=PATIENCE_S) as answer:
        assert b"Dear Sir" not in answer.read() and answer.status == 200
    with urlopen(address + "search?q=dear", timeout=PATIENCE_S) as answer:
        assert b"Sir" in answer.read()
    with pytest.raises(HTTPError, match="421"):
        urlopen(Request(address, headers={"Host": "evil.example"}), timeout=PATIENCE_S)
    port = int(address.rstrip("/").rpartition(":")[2])
    assert f"0100007F:{port:04X}" in Path("/proc/net/tcp").read_text()  # 127.0.0.1 and nothing else
    # A connection that stays open does not hold up the end.
    held = socket.create_connection(("127.0.0.1", port))
    process.send_signal(signal.SIGINT)
    out, messages = process.communicate(timeout=PATIENCE_S)
    held.close()
    assert (process.returncode, out) == (130, "")
    assert "only read" in messages and messages.endswith("Stopped.\n") and "Traceback" not in messages


@pytest.mark.parametrize(
    ("arguments", "code"), [(["MISSING"], 5), (["LIBRARY", "--port", "TAKEN"], 1), ([], 1)]
)
def test_exit_codes(arguments: list[str], code: int, library: Path, start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = {"MISSING": tmp_path, "LIBRARY": library, "TAKEN": str(taken.getsockname()[1])}
        process = start("serve", *(words.get(word, word) for word in arguments))
        _, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code and "Traceback" not in messages, messages
