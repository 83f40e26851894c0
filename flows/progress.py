"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

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

    def stage(self, text: str) -> None:
        if self._bar:
            self._bar.update(self._task, description=text)
        elif self._console.is_terminal:
            self._console.print(Text(f"{text} …", style="dim"))

    def start(self, account: Account, total: int) -> None:
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        if not self._console.is_terminal:
            self._console.print(f"{total} pages to do")
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("pages  {task.fields[rate]:.2f}/s "),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]} failed"),
            console=self._console,
        )
        self._task = self._bar.add_task(
            "digitising", total=total, rate=0.0, failed=account.counts[Status.FAILED]
        )
        self._bar.start()

    def update(self, account: Account, results: list[PageResult | Failure]) -> None:
        rate = account.processed / account.elapsed if account.elapsed else 0.0
        failed = account.counts[Status.FAILED]
        if self._name_files:
            for result in results:
                self._console.print(Text(_describe(result)))
        if self._bar:
            self._bar.update(self._task, advance=len(results), rate=rate, failed=failed)
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
            TextColumn("left"),
            TimeRemainingColumn(),
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
    return (
        f"{result.page.source.source_path}#{result.page.number}: {result.status}, {len(result.lines)} lines"
    )
