"""What several parts of the tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 300.0
"""For whatever should take moments, or a minute: a test that waits longer has found that it never comes."""


@pytest.fixture(scope="session")
def samples() -> Path:
    """The shipped archive."""
    return ROOT / "samples" / "archive"


@pytest.fixture(scope="session")
def arabic_font() -> Path:
    """A font of this machine whose Arabic letters join; the set-up of development installs one."""
    from ocr_core.training.synthetic.fonts import find_fonts, joins

    fonts = Path("/usr/share/fonts")
    found = [f for f in find_fonts(fonts, "ابتكلم", exclude=("Mono",)) if joins(f)] if fonts.is_dir() else []
    if not found:
        pytest.skip("no Arabic font below /usr/share/fonts: install fonts-hosny-amiri")
    return found[0]


@pytest.fixture(scope="session")
def tiny_qwen(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Qwen2.5-VL that reads the Arabic pages of the samples, with the settings `qwen_tiny.SMALL`."""
    from tests.recognizers.qwen_tiny import read_samples

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all processes of the tests
        shared = shared.parent
    with FileLock(shared / "qwen.lock"):
        if not (shared / "qwen" / "tiny").exists():
            made = read_samples(tmp_path_factory.mktemp("qwen") / "tiny", samples)
            made.parent.rename(shared / "qwen")
    return shared / "qwen" / "tiny"


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server with a database of its own; starting it costs ten seconds, so only flows ask for it."""
    from flows import local_prefect

    local_prefect.configure()
    # Nobody looks at events, and writing them has locked SQLite for a minute where several workers ask at once.
    for service in ("EVENT_PERSISTER", "TRIGGERS"):
        os.environ[f"PREFECT_SERVER_SERVICES_{service}_ENABLED"] = "false"
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120), local_prefect.local_run():
        yield
