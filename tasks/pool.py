"""Where pages are prepared: a pool of watched processes.

A page that hangs or kills its process fails alone and its neighbours go on; pebble kills and replaces the process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, TimeoutError
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessPool

from ocr_core.errors import PageError, WarraqError
from ocr_core.pipeline.prepare import PreparedPage, failure, prepare_pages, unexpected
from ocr_core.records import Failure, PageRef, Stage
from ocr_core.sources import ReadSettings

log = logging.getLogger(__name__)

# A worker is replaced after so many units, so that memory which some library leaks does not add up.
UNITS_PER_WORKER = 250

Prepared = list[PreparedPage | Failure]


class PagePool:
    """Prepares units of pages in `workers` processes, each page within `page_timeout_s` seconds.

    Args:
        workers: number of processes; 0 for `default_workers`.
        prepare: what a process does with a unit; a function that can be imported by its name.
    """

    def __init__(
        self,
        workers: int,
        settings: ReadSettings,
        page_timeout_s: float,
        prepare: Callable[[Sequence[PageRef], ReadSettings], Prepared] = prepare_pages,
    ) -> None:
        self.workers = workers or default_workers()
        self._settings = settings
        self._page_timeout_s = page_timeout_s
        self._prepare = prepare
        # Not fork: this process has threads (Prefect, torch). The fork server loads the imaging libraries once.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["ocr_core.pipeline.prepare"])
        self._pool = ProcessPool(
            max_workers=self.workers, max_tasks=UNITS_PER_WORKER, initializer=_start_worker, context=context
        )
        self._under_way: set[Future[Prepared]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.stop()
        for future in list(self._under_way):  # pebble leaves them open, and whoever waits would wait for ever
            future.cancel()
        self._pool.join(timeout=10)

    def submit(self, unit: Sequence[PageRef]) -> Future[Prepared]:
        timeout = self._page_timeout_s * len(unit)
        future: Future[Prepared] = self._pool.schedule(
            self._prepare, args=(tuple(unit), self._settings), timeout=timeout
        )
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def collect(self, unit: Sequence[PageRef], future: Future[Prepared]) -> Prepared:
        """The pages of `unit` once they are ready. When a page broke the unit or its process, they are tried one by one.

        Raises:
            MissingDependency: a program is missing, without which no page can be prepared.
            CancelledError: the pool has ended.
        """
        try:
            return future.result()
        except (WarraqError, CancelledError):
            raise
        except TimeoutError:
            error = PageError(
                "timeout",
                f"The page took longer than {self._page_timeout_s:g} s to prepare.",
                remedy="Look at the file; a larger --page-timeout gives it more time.",
            )
        except ProcessExpired as expired:
            error = PageError(
                "crashed",
                f"The process that prepared the page ended with code {expired.exitcode}.",
                remedy="The file may be damaged or need more memory than there is: check it, or run with fewer --workers.",
            )
        except Exception as unforeseen:
            log.warning("%s: preparing failed", unit[0].page_id, exc_info=unforeseen)
            error = unexpected(unforeseen)
        if len(unit) > 1:
            log.warning("%s: %s; trying its pages singly", unit[0].page_id, error.message)
            return [page for ref in unit for page in self.collect([ref], self.submit([ref]))]
        return [failure(unit[0], Stage.PREPARE, error)]


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """Processes that prepare pages. Preparing a page costs about half of what reading it on a processor does."""
    return max(1, cores() // 2)


def default_readers() -> int:
    """Threads that read pages beside `default_workers` processes.

    As many as cores, for whoever waits for pages leaves its core to those who prepare them; no more than four, for about
    a third of reading is Python, which runs one thread at a time.
    """
    return min(cores(), 4)


def _start_worker() -> None:
    """Keep this worker to one core, and let it and the programs it calls end with the run."""
    os.setpgrp()  # also leaves Ctrl-C to the run
    # C libraries say on stderr what they think of a damaged file and do not name it; its failure does. Ours goes on.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    import cv2

    cv2.setNumThreads(1)


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os.killpg(0, signal.SIGKILL)
