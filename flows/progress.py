"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from flows.wording import counted
from ocr_core.pipeline.account import Account
from ocr_core.records import Failure, PageResult, Status

SECONDS_BETWEEN_LINES = 15.0


class TerminalProgress:
    """A bar with pages done, total, pages a second, time left and failures.

    Args:
        name_files: also print each page as it is finished.
    """

    def __init__(self, *, name_files: bool = False) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._name_files = name_files
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._next_line = 0.0
        self._unread = 0  # pages that count as processed and were never read: files that cannot be opened

    def stage(self, text: str) -> None:
        if self._bar:
            self._bar.update(self._task, description=text)
        elif self._console.is_terminal:
            self._console.print(Text(f"{text} …", style="dim"))

    def start(self, account: Account, total: int) -> None:
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        if not self._console.is_terminal:
            self._console.print(f"{counted(total, 'page')} to do")
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),  # what the rest leaves
            MofNCompleteColumn(),
            TextColumn("pages  {task.fields[rate]:.2f}/s "),
            _Clock(account),
            TextColumn("{task.fields[failed]} failed"),
            console=self._console,
            expand=True,
        )
        self._unread = account.processed
        self._task = self._bar.add_task(
            "digitising", total=total, rate=0.0, ends=None, failed=account.counts[Status.FAILED]
        )
        self._bar.start()

    def update(self, account: Account, results: list[PageResult | Failure]) -> None:
        rate = account.processed / account.elapsed if account.elapsed else 0.0
        failed = account.counts[Status.FAILED]
        if self._name_files:
            for result in results:
                self._console.print(Text(_describe(result)))
        if self._bar:
            self._bar.update(
                self._task, advance=len(results), rate=rate, failed=failed, ends=self._ends(account)
            )
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            left = account.discovered - account.processed - sum(account.already.values())
            self._console.print(
                f"{account.processed} pages done, {left} left, {rate:.2f} pages/s, {failed} failed"
            )

    def stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _ends(self, account: Account) -> float | None:
        """Seconds after the start of the run at which its last page will be read, if it goes on like this."""
        assert self._bar
        read = account.processed - self._unread
        total = self._bar.tasks[0].total
        return account.elapsed * total / read if read and total else None


class _Clock(ProgressColumn):
    """How long a run has taken and will yet. Pages come in batches, so the speed of the last moments tells nothing."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def render(self, task: Task) -> Text:
        elapsed, ends = self._account.elapsed, task.fields["ends"]
        left = "" if ends is None or task.finished else f", {_hours(max(0.0, ends - elapsed))} left"
        return Text(_hours(elapsed) + left, style="progress.elapsed")


def _hours(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


class CountedProgress:
    """A bar for work that is counted beforehand; elsewhere than on a terminal, a line now and then."""

    def __init__(self, doing: str, of_what: str) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(of_what),
            TimeElapsedColumn(),
            TextColumn("·"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._doing, self._of_what = doing, of_what
        self._task = self._bar.add_task("", total=None)
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def __enter__(self) -> CountedProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, total: int) -> None:
        self._bar.update(self._task, total=total)

    def at(self, done: int, total: int | None) -> None:
        """Of work whose total is not known from the start."""
        self._bar.update(self._task, completed=done, total=total)
        self._say()

    def advance(self, count: int) -> None:
        self._bar.update(self._task, advance=count)
        self._say()

    def _say(self) -> None:
        if not self._console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            task = self._bar.tasks[0]
            total = "" if task.total is None else f" of {task.total:.0f}"
            self._console.print(f"{self._doing}: {task.completed:.0f}{total} {self._of_what}")


def _describe(result: PageResult | Failure) -> str:
    if isinstance(result, Failure):
        return f"{result.source_path}#{result.page_number}: failed ({result.kind}): {result.message}"
    return f"{result.page.source.source_path}#{result.page.number}: {result.status}, {counted(len(result.lines), 'line')}"
