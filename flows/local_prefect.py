"""Prefect on one machine: no server to start, few words, little overhead.

Import it before anything of Prefect. What the user has set in the environment stays.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ocr_core.errors import LibraryError

# A first start builds Prefect's database, which a busy machine takes long for.
SECONDS_TO_START = 180.0

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # Warraq reports errors itself
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}


def configure() -> None:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def local_run() -> Iterator[None]:
    """Prefect for the flows of this process: the server that `PREFECT_API_URL` names, or one of our own for as long
    as we live.

    Raises:
        LibraryError: Prefect cannot keep its records.
    """
    configure()
    with ExitStack() as stack:
        with importing():
            from prefect.settings import (
                PREFECT_API_URL,
                PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
                temporary_settings,
            )

            address = PREFECT_API_URL.value() or stack.enter_context(_own_server())
        # Nobody watches our heartbeat, and joining its thread would cost each flow a second.
        settings = {PREFECT_API_URL: address, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        stack.enter_context(temporary_settings(settings))
        yield


@contextmanager
def importing() -> Iterator[None]:
    """Faster imports: they leave no garbage, and looking for it takes a fifth of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _own_server() -> Iterator[str]:
    """Start a server that ends with this process, whatever ends it; the address of its API."""
    import httpx
    from prefect.settings import PREFECT_HOME

    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = subprocess.Popen(
                [sys.executable, "-m", "flows.prefect_server", str(listener.fileno())],
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                process_group=0,  # Ctrl-C is for us, who have something to tell it yet
            )
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        with server:  # closes its standard input at the end, which ends it
            try:
                # The socket holds the call until the server answers, and drops it if the server gives up.
                httpx.get(f"{address}/health", timeout=SECONDS_TO_START, trust_env=False)
            except httpx.TransportError as error:
                complaints.seek(0)
                reasons = [line.strip() for line in complaints if "Error" in line] or [str(error)]
                raise LibraryError(
                    f"Prefect cannot keep its records in {PREFECT_HOME.value()}: {reasons[-1]}",
                    remedy="Let this user write there, or name another folder: PREFECT_HOME=FOLDER warraq …",
                ) from error
            yield address
