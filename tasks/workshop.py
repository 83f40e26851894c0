"""Processes and models at work on a plan, ahead of the flow that collects what they make."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from ocr_core.config import RunSettings
from ocr_core.pipeline.engines import load_reader, pages_together, picture_pixels
from ocr_core.pipeline.plan import Plan
from ocr_core.pipeline.prepare import prepare_pages, units
from ocr_core.pipeline.read import PageReader
from ocr_core.records import Failure, PageRef, PageResult
from tasks.pool import PagePool, Prepared, default_readers

# Consecutive pages of one document that a process takes at a time: enough to open a PDF seldom, few enough to
# share one document between all cores.
PAGES_PER_UNIT = 2

# Pages that may wait prepared for their reader: enough to bridge its start, few enough (some 3 MB each) for memory.
PAGES_AHEAD = 24

# Lines read together are of like width, and few lines are not: the smallest batch that is still read well.
LEAST_PAGES = 4


@dataclass
class Batch:
    """Pages that are prepared, read and published together.

    Attributes:
        prepared: the number of its pages, once all are prepared.
        results: what was read, once it is.
    """

    units: list[tuple[PageRef, ...]]
    futures: list[Future[Prepared]]
    prepared: Future[int] = field(default_factory=Future)
    results: Future[list[PageResult | Failure]] = field(default_factory=Future)


class Workshop:
    """Loads the models, prepares and reads pages, all at once and from the start; hands the batches out in order.

    Processes prepare the pages and threads read them, each a batch. No more batches are under way than the window, so that
    neither runs far ahead of whoever publishes.

    Args:
        load: makes the reader; as `load_reader`.
        together: pages of a batch at most; None: what suits the settings.
    """

    def __init__(
        self,
        settings: RunSettings,
        plan: Plan,
        load: Callable[..., PageReader] = load_reader,
        together: int | None = None,
    ) -> None:
        self._stack = ExitStack()
        readers = default_readers()
        self._readers = ThreadPoolExecutor(readers, "reader")
        # Closed after the pool, whose end frees the threads from waiting for pages.
        self._stack.callback(self._readers.shutdown, cancel_futures=True)
        prepare = partial(
            prepare_pages,
            layout=settings.layout,
            picture_pixels=picture_pixels(settings),
            imaging=settings.imaging,
        )
        pool = PagePool(settings.workers, settings.reading, settings.page_timeout_s, prepare)
        self._pool = self._stack.enter_context(pool)
        # One thread a batch instead of all threads on each: nobody waits for the slowest part of every layer.
        self._reader = self._readers.submit(load, settings, threads=1)
        together = together or pages_together(settings)
        coming = units(plan.pages(), min(PAGES_PER_UNIT, together))
        self._coming = in_batches(coming, plan.pages_to_do, together, readers)
        self._most_ahead = max(PAGES_AHEAD, 3 * self._pool.workers, 2 * together)
        self._ahead: deque[Batch] = deque()
        self._begun_all = False
        self._then: Callable[[], None] = lambda: None
        self._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def when_all_is_begun(self, then: Callable[[], None]) -> None:
        """Have `then` called, once, as soon as every page of the plan is under way."""
        self._then = then
        self._call_then()

    def _call_then(self) -> None:
        if self._begun_all:
            then, self._then = self._then, lambda: None
            then()

    def wait_for_models(self) -> None:
        """Return once the models are loaded.

        Raises:
            ModelError: weights are missing or damaged.
        """
        self._reader.result()

    def batches(self) -> Iterator[Batch]:
        """Every page of the plan, in order; the futures of a batch may still be open."""
        while self._ahead:
            yield self._ahead.popleft()
            self._fill()

    def _fill(self) -> None:
        while self._pages_ahead() < self._most_ahead:
            next_units = next(self._coming, None)
            if next_units is None:
                self._begun_all = True
                self._call_then()
                return
            batch = Batch(next_units, [self._pool.submit(unit) for unit in next_units])
            batch.results = self._readers.submit(self._read, batch)
            self._ahead.append(batch)

    def _pages_ahead(self) -> int:
        return sum(len(unit) for batch in self._ahead for unit in batch.units)

    def _read(self, batch: Batch) -> list[PageResult | Failure]:
        prepared: Prepared = []
        try:
            for unit, future in zip(batch.units, batch.futures, strict=True):
                prepared += self._pool.collect(unit, future)
        except BaseException as error:
            batch.prepared.set_exception(error)
            raise
        batch.futures.clear()
        batch.prepared.set_result(len(prepared))
        return self._reader.result().read(prepared)


def in_batches(
    source: Iterator[tuple[PageRef, ...]], total: int, most: int, readers: int
) -> Iterator[list[tuple[PageRef, ...]]]:
    """Units in lists of about `most` pages, smaller ones towards the end, so that all readers end together.

    A batch is at most half of each reader's share of what is left of the `total` pages: guided self-scheduling
    (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987).
    """
    batch: list[tuple[PageRef, ...]] = []
    pages = 0
    for unit in source:
        batch.append(unit)
        pages += len(unit)
        if pages >= min(most, max(LEAST_PAGES, total // (2 * readers))):
            yield batch
            total -= pages
            batch, pages = [], 0
    if batch:
        yield batch
