"""What the tasks of one run share: library, processes, models, and the pages on their way.

Prefect sees a run's id and batch numbers only; pages and pictures stay here, in this process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from ocr_core import __version__
from ocr_core.config import RunSettings
from ocr_core.library import Library, RunRecord, new_run_id
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.plan import Plan, Survey
from ocr_core.pipeline.prepare import units
from ocr_core.pipeline.read import PageReader
from ocr_core.records import Failure, PageRef, PageResult, Status
from tasks.pool import PagePool, Prepared

# Consecutive pages of one document that a process takes at a time: enough to open a PDF seldom, few enough to
# share one document between all cores.
PAGES_PER_UNIT = 2


class Progress(Protocol):
    """Told how a run goes. Passed in, so that nothing draws on a terminal by itself."""

    def stage(self, text: str) -> None: ...

    def start(self, account: Account, total: int) -> None: ...

    def update(self, account: Account, results: list[PageResult | Failure]) -> None: ...

    def stop(self) -> None: ...


class NoProgress:
    def stage(self, text: str) -> None: ...

    def start(self, account: Account, total: int) -> None: ...

    def update(self, account: Account, results: list[PageResult | Failure]) -> None: ...

    def stop(self) -> None: ...


progress_of_run: ContextVar[Progress] = ContextVar("progress_of_run", default=NoProgress())  # noqa: B039 (it holds nothing)


@dataclass
class Batch:
    """Pages that are prepared, read and published together."""

    units: list[tuple[PageRef, ...]]
    futures: list[Future[Prepared]] = field(default_factory=list)
    prepared: Prepared = field(default_factory=list)
    results: list[PageResult | Failure] = field(default_factory=list)


class Run:
    """One digitisation run in this process."""

    def __init__(self, settings: RunSettings, library: Library, progress: Progress) -> None:
        self.id = new_run_id()
        self.settings = settings
        self.library = library
        self.progress = progress
        self.account = Account(self.id, 0)
        self.survey: Survey | None = None
        self.plan: Plan | None = None
        self.reader: PageReader | None = None
        self.batches: dict[int, Batch] = {}
        self._stack = ExitStack()
        self._pool: PagePool | None = None

    @property
    def pool(self) -> PagePool:
        if self._pool is None:
            settings = self.settings
            pool = PagePool(settings.workers, settings.reading, settings.page_timeout_s)
            self._pool = self._stack.enter_context(pool)
        return self._pool

    def open_batches(self) -> Iterator[int]:
        """Number the batches of the plan, submitting each to the pool some batches before it is due, so that the
        processes are never idle and never more than the window ahead of the reader."""
        assert self.plan is not None
        per_batch = max(1, self.settings.batch_pages // PAGES_PER_UNIT)
        # Enough units in flight for every worker to have one under way and one waiting.
        window = 1 + -(-2 * self.pool.workers // per_batch)
        source = units(self.plan.pages(), PAGES_PER_UNIT)
        ahead: deque[int] = deque()
        number = 0
        while True:
            while len(ahead) < window and (next_units := list(islice(source, per_batch))):
                self.batches[number] = Batch(next_units, [self.pool.submit(unit) for unit in next_units])
                ahead.append(number)
                number += 1
            if not ahead:
                return
            yield ahead.popleft()

    def record(self, state: str) -> RunRecord:
        account = self.account
        return RunRecord(
            run_id=self.id,
            collection=self.settings.collection,
            sources=tuple(str(source) for source in self.settings.sources),
            started_at=account.started,
            finished_at=None if state == "running" else datetime.now(UTC),
            state=state,
            settings=self.settings.model_dump(mode="json"),
            warraq_version=__version__,
            counts={
                "discovered": account.discovered,
                "skipped": sum(account.already.values()),
                **{status.value: account.total(status) for status in Status},
            },
            stage_seconds=dict(account.seconds),
        )

    def close(self) -> None:
        self._stack.close()
        self.progress.stop()


_open_runs: dict[str, Run] = {}


def get_run(run_id: str) -> Run:
    """The open run with this id: how tasks, which get only small arguments, reach it."""
    return _open_runs[run_id]


@contextmanager
def open_run(settings: RunSettings) -> Iterator[Run]:
    """Open the library and hold everything a run needs until it ends.

    Pages published so far stay published whatever ends the run.
    """
    run = Run(settings, Library.create_or_open(settings.library), progress_of_run.get())
    _open_runs[run.id] = run
    try:
        yield run
    except BaseException:
        if run.plan is not None:
            run.library.publish(run.id, settings.collection, run=run.record("interrupted"))
        raise
    finally:
        del _open_runs[run.id]
        run.close()
