"""Prefect on one machine: no server to start, few words, little overhead.

Import it before anything of Prefect. What the user has set in the environment stays.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

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
        from prefect.server.api.server import SubprocessASGIServer

        server = SubprocessASGIServer()  # the very one that Prefect's client would start
        server.start()
        assert server.server_process is not None
        guard = _die_with_us(server.server_process.pid)
        try:
            yield
        finally:
            server.stop()
            guard.terminate()
            guard.wait()


def _die_with_us(server: int) -> subprocess.Popen[bytes]:
    """Prefect's server would outlive a `kill -9` of this process for ever: have somebody end it then."""
    watch = 'while kill -0 "$0" 2>/dev/null; do sleep 1; done; kill "$1" 2>/dev/null'
    return subprocess.Popen(["/bin/sh", "-c", watch, str(os.getpid()), str(server)], start_new_session=True)
