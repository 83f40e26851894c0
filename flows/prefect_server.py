"""Prefect's API for one run, as a process of its own: `python -m flows.prefect_server SOCKET`.

SOCKET is the number of an inherited listening socket. The process ends when its standard input does. A pipe that the run
holds open is the one sign of life that the system itself withdraws, whatever ends the run: a process number still
answers while nobody has collected the dead process.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

from flows.local_prefect import importing

SECONDS_TO_END = 8.0

_DEFAULTS = {
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    # Task runs are written in bunches. Nobody looks at events, and no automation waits for them.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    # Checks of arguments inside a dependency, which cost a tenth of the start.
    "PY_KEY_VALUE_DISABLE_BEARTYPE": "true",
}


def main() -> None:
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    with importing():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    server.run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


def _end_with_the_run() -> None:
    os.read(sys.stdin.fileno(), 1)
    # Once the server listens to signals, it ends by writing down what it has been told.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os._exit(1)


if __name__ == "__main__":
    main()
