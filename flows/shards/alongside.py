"""A dispatch beside a run of this process: what the run leaves for workers is read while it goes on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from flows.shards.dispatch import hand_out
from flows.shards.pools import connect, readings
from ocr_core.pipeline.shards import DispatchSettings


class Alongside:
    """Hands out what comes to wait until `finish`; ends at once when left without it.

    Raises:
        MissingDependency: there is no Prefect server.
        UsageError: a pool does not exist.
    """

    def __init__(self, settings: DispatchSettings) -> None:
        with connect() as client:
            readings(client, settings.pools)  # trouble is best told before the run
        self._last = threading.Event()
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, "dispatch")
        self._accounts = self._thread.submit(
            hand_out, settings, more=lambda: not self._last.is_set(), check=self._check
        )

    def _check(self) -> None:
        if self._stop.is_set():
            raise InterruptedError("the run has ended")

    def finish(self) -> list[dict[str, Any]]:
        """Wait for the pages that still wait; the accounts of the dispatch."""
        self._last.set()
        return self._accounts.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.shutdown()
