"""Processes and models at work on a plan, ahead of the flow that collects what they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ocr_core.config import RunSettings
from ocr_core.pipeline.engines import load_reader
from ocr_core.pipeline.plan import Plan
from ocr_core.pipeline.prepare import units
from ocr_core.pipeline.read import PageReader
from ocr_core.records import Failure, PageRef, PageResult
from tasks.pool import PagePool, Prepared, reader_threads

# Consecutive pages of one document that a process takes at a time: enough to open a PDF seldom, few enough to
# share one document between all cores.
PAGES_PER_UNIT = 2

# Pages that may wait prepared for their reader: enough to bridge its start, few enough (some 3 MB each) for memory.
PAGES_AHEAD = 24


@dataclass
class Batch:
    """Pages that are prepared, read and published together."""

    units: list[tuple[PageRef, ...]]
    futures: list[Future[Prepared]] = field(default_factory=list)
    prepared: Prepared = field(default_factory=list)
    results: list[PageResult | Failure] = field(default_factory=list)


class Workshop:
    """Starts preparing pages and loading models at once; hands the batches out in order.

    Pages are submitted a bounded number ahead, so that the processes are neither idle nor far ahead of the reader.
    """

    def __init__(self, settings: RunSettings, plan: Plan) -> None:
        self._stack = ExitStack()
        pool = PagePool(settings.workers, settings.reading, settings.page_timeout_s)
        self.pool = self._stack.enter_context(pool)
        self._loader = self._stack.enter_context(ThreadPoolExecutor(1, "models"))
        self._reader = self._loader.submit(load_reader, settings, threads=reader_threads())
        self._coming = _in_batches(units(plan.pages(), PAGES_PER_UNIT), settings.batch_pages)
        self._window = -(-max(PAGES_AHEAD, 3 * self.pool.workers) // settings.batch_pages)
        self._ahead: deque[Batch] = deque()
        self._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def reader(self) -> PageReader:
        """The models, once they are loaded.

        Raises:
            ModelError: weights are missing or damaged.
        """
        return self._reader.result()

    def batches(self) -> Iterator[Batch]:
        """Every page of the plan, in order."""
        while self._ahead:
            yield self._ahead.popleft()
            self._fill()

    def _fill(self) -> None:
        while len(self._ahead) < self._window and (next_units := next(self._coming, None)):
            self._ahead.append(Batch(next_units, [self.pool.submit(unit) for unit in next_units]))


def _in_batches(source: Iterator[tuple[PageRef, ...]], pages: int) -> Iterator[list[tuple[PageRef, ...]]]:
    """Units in lists of about `pages` pages."""
    batch: list[tuple[PageRef, ...]] = []
    for unit in source:
        batch.append(unit)
        if sum(map(len, batch)) >= pages:
            yield batch
            batch = []
    if batch:
        yield batch
