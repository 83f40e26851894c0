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
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException

from ocr_core.errors import LibraryError

# A first start builds Prefect's database, which a busy machine takes long for.
SECONDS_TO_START = 180.0

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # Warraq reports errors itself
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # Of `warraq worker`: the shards of one that was killed are released after five beats, and idle GPUs cost more than
    # questions do.
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
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
        named = os.environ.get("PREFECT_API_URL")
        # On suspicion: only Prefect knows whether a profile names a server, and importing it takes as long as starting one.
        own_address = None if named else stack.enter_context(_own_server())
        # Prefect's own warning, of a folder it cannot make, has no remedy; our error has.
        with importing(), warnings.catch_warnings(action="ignore"):
            from prefect.settings import (
                PREFECT_API_URL,
                PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
                temporary_settings,
            )

            address = PREFECT_API_URL.value()
            if own_address and address:
                stack.close()
            elif own_address:
                address = own_address()
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
        gc.enable()


@contextmanager
def _own_server() -> Iterator[Callable[[], str]]:
    """Start a server that ends with this process, whatever ends it; what waits for it and tells the address of its API."""
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
            host, port = listener.getsockname()

        def address() -> str:
            try:
                # The socket holds the call until the server answers, and drops it if the server gives up.
                with closing(HTTPConnection(host, port, timeout=SECONDS_TO_START)) as call:
                    call.request("GET", "/api/health")
                    call.getresponse()
            except (OSError, HTTPException) as error:
                from prefect.settings import PREFECT_HOME

                complaints.seek(0)
                reasons = [line.strip() for line in complaints if "Error" in line] or [str(error)]
                raise LibraryError(
                    f"Prefect cannot keep its records in {PREFECT_HOME.value()}: {reasons[-1]}",
                    remedy="Let this user write there, or name another folder: PREFECT_HOME=FOLDER warraq …",
                ) from error
            return f"http://{host}:{port}/api"

        with server:  # closes its standard input at the end, which ends it
            yield address
