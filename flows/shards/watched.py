"""The reading process as its worker sees it: started when needed, killed when it hangs."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self
from uuid import UUID

from flows.shards.reader import DONE, FAILED, READY

SECONDS_TO_START = 300.0


class ReaderEnded(Exception):
    """The reading process is gone."""


class WatchedReader:
    """A process that reads shards and keeps its models, started anew when it has ended or is to have another environment.

    Args:
        device, workers: as in `RunSettings`.
        silence_s: seconds without a sign of life after which it is taken to hang. A batch of pages, or loading the
            models, must fit.
    """

    def __init__(self, device: str, workers: int, silence_s: float) -> None:
        self._command = [sys.executable, "-m", "flows.shards.reader", device, str(workers)]
        self._silence_s = silence_s
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    def start(self, environment: Mapping[str, str | None]) -> int:
        """Make sure that it runs and listens; its process number.

        Args:
            environment: on top of ours; None takes a variable away.
        """
        wanted = {**os.environ, **environment}
        variables = {name: value for name, value in wanted.items() if value is not None}
        if self._process is None or self._process.poll() is not None or variables != self._environment:
            self._discard()
            self._environment = variables
            self._process = subprocess.Popen(
                self._command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
            self._listen_for({READY}, SECONDS_TO_START)
        return self._process.pid

    def read(self, flow_run_id: UUID) -> bool:
        """Have it read the shard of a flow run, and wait for that.

        Returns:
            Whether the shard was read; if not, the state of the flow run says why.

        Raises:
            ReaderEnded: the process died or hung, of which nobody has told Prefect.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{flow_run_id}\n".encode())
        return self._listen_for({DONE, FAILED}, self._silence_s) == DONE

    def _listen_for(self, awaited: set[str], silence_s: float) -> str:
        """Wait until it says one of these words, and no longer than `silence_s` for any sign of life; the word."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        heard = b""
        while True:
            ready, _, _ = select.select([process.stdout], [], [], silence_s)
            said = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not said:
                self.kill()
                if not ready:
                    raise ReaderEnded(f"The reader gave no sign of life for {silence_s:g} s and was killed.")
                raise ReaderEnded(
                    f"The reader ended with code {process.returncode}: out of memory, killed, or crashed."
                )
            *words, heard = (heard + said).split(b"\n")
            if found := awaited.intersection(word.decode() for word in words):
                return found.pop()

    def kill(self) -> None:
        """End it and what it started. May be called from another thread than `read`, which then returns."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                self._process.kill()
        self._process.wait()

    def _discard(self) -> None:
        self.kill()
        if self._process is not None:
            with self._process:  # closes its pipes
                self._process = None
