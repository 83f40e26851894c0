"""The bar of a run: what it says fits a narrow terminal and is true."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from flows.progress import TerminalProgress
from ocr_core.pipeline.account import Account
from ocr_core.records import Failure, Stage


def failed(number: int) -> Failure:
    return Failure(
        "a.pdf", Stage.PREPARE, "truncated", "It breaks off.", "Copy it again.", page_number=number
    )


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


def frames(text: str) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", text).replace("\r", "\n")
    return [line for line in plain.split("\n") if "pages" in line]


def test_the_time_left_is_foretold_from_the_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account("r", 41, started=datetime.now(UTC) - timedelta(seconds=300))
    account.add(
        [failed(0)]
    )  # a file that cannot be opened: nothing is read, so it does not make the rest look quick
    progress = TerminalProgress()
    progress.start(account, 40)
    for batch in ([failed(n) for n in range(1, 5)], [failed(n) for n in range(5, 11)]):
        account.add(batch)
        progress.update(account, batch)
    progress.stop()
    last = frames(capsys.readouterr().err)[-1]
    assert re.search(r"10/40 pages .* 0:05:0\d, 0:15:0\d left +11 failed", last), last


def test_long_runs_fit_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account("r", 123_456, started=datetime.now(UTC) - timedelta(hours=30))
    progress = TerminalProgress()
    progress.start(account, 123_456)
    batch = [failed(n) for n in range(60_000)]
    account.add(batch)
    progress.update(account, batch)
    progress.stop()
    last = frames(capsys.readouterr().err)[-1]
    assert re.fullmatch(
        r"digitising .* 60000/123456 pages  0.56/s +30:00:0\d, 31:4\d:\d\d left 60000 failed *", last
    ), last
    assert len(last) <= 80
