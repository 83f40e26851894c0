"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


@contextmanager
def page_counter() -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, gone at the end, to be told pages done and pages in all (None: not known)."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _describe(result: PageResult | Failure) -> str:
    if isinstance(result, Failure):
        return f"{result.source_path}#{result.page_number}: failed ({result.kind}): {result.message}"
    return (
        f"{result.page.source.source_path}#{result.page.number}: {result.status}, {len(result.lines)} lines"
    )
