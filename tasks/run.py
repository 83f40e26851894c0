"""What the tasks of one run share: library, account, and the pages on their way.

Prefect sees a run's id and batch numbers only; pages and pictures stay here, in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from ocr_core.config import RunSettings
from ocr_core.library import Library, RunRecord, new_run_id
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.collection import for_collection
from ocr_core.pipeline.plan import Plan, Survey
from ocr_core.records import Failure, PageResult
from tasks.workshop import Batch, Workshop


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


@dataclass(frozen=True)
class HeadStart:
    """What a caller in this process has ready for the run it is about to start: flows take only plain settings.

    Attributes:
        started: when the caller began.
        survey, plan, workshop: where they are made already, the run does not make them again.
        check_interrupts: raises `KeyboardInterrupt` if the user has asked for the end and something swallowed it.
    """

    progress: Progress
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    survey: Survey | None = None
    plan: Plan | None = None
    workshop: Workshop | None = None
    check_interrupts: Callable[[], None] = lambda: None


head_start: ContextVar[HeadStart | None] = ContextVar("head_start", default=None)


class Run:
    """One digitisation run in this process, or this process's share of one.

    Args:
        held: closes what the run opens.
    """

    def __init__(
        self,
        settings: RunSettings,
        library: Library,
        ahead: HeadStart,
        held: ExitStack,
        run_id: str | None = None,
    ) -> None:
        self.id = run_id or new_run_id()
        self.settings = settings
        self.library = library
        self.progress = ahead.progress
        self.account = Account(self.id, 0, started=ahead.started)
        self.survey = ahead.survey
        self.plan = ahead.plan
        self.batches: dict[int, Batch] = {}
        self._workshop = ahead.workshop
        self._held = held
        self._check_interrupts = ahead.check_interrupts

    @property
    def workshop(self) -> Workshop:
        if self._workshop is None:
            assert self.plan is not None
            self._workshop = self._held.enter_context(Workshop(self.settings, self.plan))
        return self._workshop

    def open_batches(self) -> Iterator[int]:
        """Number the batches of the plan; the tasks find them under these numbers."""
        for number, batch in enumerate(self.workshop.batches()):
            self._check_interrupts()
            self.batches[number] = batch
            yield number

    def record(self, state: str) -> RunRecord:
        return self.account.record(self.settings, state)


_open_runs: dict[str, Run] = {}


def get_run(run_id: str) -> Run:
    """The open run with this id: how tasks, which get only small arguments, reach it."""
    return _open_runs[run_id]


@contextmanager
def open_run(settings: RunSettings, *, run_id: str | None = None) -> Iterator[Run]:
    """Open the library and hold everything a run needs until it ends.

    Pages published so far stay published whatever ends the run.

    Args:
        run_id: the run that somebody else has begun, and will record, of which this is a share.
    """
    ahead = head_start.get() or HeadStart(NoProgress())
    head_start.set(None)
    with ExitStack() as held:
        held.callback(ahead.progress.stop)
        if ahead.workshop is not None:
            held.enter_context(ahead.workshop)
        settings = for_collection(settings)
        Library.check_place(settings.library, settings.collection)  # a nightly run comes here first
        run = Run(settings, Library.create_or_open(settings.library), ahead, held, run_id)
        _open_runs[run.id] = run
        held.callback(_open_runs.pop, run.id)
        try:
            yield run
        except BaseException:
            if run.account.discovered:
                run.library.publish(run.id, settings.collection, run=run.record("interrupted"))
            raise
