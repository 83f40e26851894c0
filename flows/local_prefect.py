"""Prefect on one machine: no server to start, few words, little overhead.

Import it before anything of Prefect. What the user has set in the environment stays.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

_DEFAULTS = {
    # A first start builds Prefect's database, which the default 20 s can be too short for.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # Warraq reports errors itself
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # Write task runs in bunches: a third of the server's work.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}


def configure() -> None:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def local_run() -> Iterator[None]:
    """Prefect for the flows of this process: the server that `PREFECT_API_URL` names, or one of our own for as long
    as we live."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    # Nobody watches our heartbeat, and joining its thread would cost each flow a second.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        if PREFECT_API_URL.value():
            yield
            return
        server = _guarded_server()
        server.start()
        try:
            yield
        finally:
            server.stop()


def _guarded_server() -> SubprocessASGIServer:
    """The very server that Prefect's client would start (it keeps one a process), ended with us whatever ends us."""
    from prefect.server.api.server import SubprocessASGIServer

    class GuardedServer(SubprocessASGIServer):
        def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
            process = super()._run_uvicorn_command()
            _die_with_us(process.pid)
            return process

    return GuardedServer()


def _die_with_us(server: int) -> None:
    """Prefect's server would outlive a `kill -9` of this process for ever: have somebody end it then."""
    watch = 'while kill -0 "$0" && kill -0 "$1"; do sleep 1; done; kill "$1"; sleep 3; kill -9 "$1"'
    subprocess.Popen(
        ["/bin/sh", "-c", watch, str(os.getpid()), str(server)],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
