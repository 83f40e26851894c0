"""The pages of a dispatch: which wait, which are handed out, which have their answer. Knows nothing of who reads them."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ocr_core.config import RunSettings
from ocr_core.library import Library, new_run_id
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.shards import (
    DispatchSettings,
    Load,
    Shard,
    account_for,
    answered,
    blamed,
    page_refs,
    waiting,
)

log = logging.getLogger(__name__)

# A shard this small is mostly waiting for its worker to look for the next one.
LEAST_PAGES = 16


@dataclass
class Group:
    """Pages that are read alike, under one run of the library."""

    settings: RunSettings
    run_id: str = field(default_factory=new_run_id)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    pages: list[str] = field(default_factory=list)
    fresh: deque[str] = field(default_factory=deque)
    again: deque[Load] = field(default_factory=deque)

    @property
    def left(self) -> int:
        return len(self.fresh) + sum(len(load.pages) for load in self.again)


@dataclass(frozen=True)
class Handed:
    """Pages that somebody has been given to read."""

    group: Group
    load: Load

    @property
    def shard(self) -> Shard:
        group, load = self.group, self.load
        return Shard(settings=group.settings, run_id=group.run_id, pages=load.pages, singly=load.singly)


class Ledger:
    """Pages of one library in one dispatch. Whatever was handed out comes back by exactly one of `completed`, `crashed`,
    `returned` and `given_up`.

    Attributes:
        known: pages that have come to wait since the dispatch began.
        answered: those of them that have their answer.
    """

    def __init__(self, library: Library, settings: DispatchSettings) -> None:
        self._library = library
        self._settings = settings
        self._groups: dict[RunSettings, Group] = {}
        self._pages: set[str] = set()
        self._seen_version = -1
        self.answered = 0

    @property
    def known(self) -> int:
        return len(self._pages)

    @property
    def left(self) -> int:
        """Pages that nobody has been given."""
        return sum(group.left for group in self._groups.values())

    def look(self) -> None:
        """Find pages that have come to wait."""
        if self._library.version == self._seen_version:
            return
        self._seen_version = self._library.version
        settings = self._settings
        for alike, pages in waiting(self._library, settings.arabic, upgrade=settings.upgrade):
            if fresh := [page for page in pages if page not in self._pages]:
                group = self._group_for(alike)
                self._pages.update(fresh)
                group.pages += fresh
                group.fresh += fresh

    def _group_for(self, settings: RunSettings) -> Group:
        alike = settings.model_copy(update={"sources": ()})
        if alike not in self._groups:
            group = self._groups[alike] = Group(settings)
            record = Account(group.run_id, 0, started=group.started).record(settings, "running")
            self._library.publish(group.run_id, settings.collection, run=record)
        return self._groups[alike]

    def next(self, workers: int) -> Handed | None:
        """Pages for one of `workers`; None when none are left."""
        for group in self._groups.values():
            if group.again:
                return Handed(group, group.again.popleft())
            if group.fresh:
                # Smaller towards the end, so that all workers end together (guided self-scheduling, as in a run).
                share = len(group.fresh) // (2 * max(workers, 1))
                size = min(self._settings.shard_pages, max(LEAST_PAGES, share), len(group.fresh))
                return Handed(group, Load(tuple(group.fresh.popleft() for _ in range(size))))
        return None

    def completed(self, handed: Handed) -> None:
        self.answered += len(handed.load.pages)

    def returned(self, handed: Handed) -> None:
        """Nobody has read it; somebody else shall."""
        handed.group.again.append(handed.load)

    def given_up(self, handed: Handed) -> None:
        """Its pages wait for another dispatch."""
        log.warning("a shard of %d pages was cancelled", len(handed.load.pages))

    def crashed(self, handed: Handed, message: str) -> None:
        """Its reader is gone, wherever it was by then: see what is left, and whether a page is to blame."""
        group, load = handed.group, handed.load
        done = answered(self._library, group.run_id, load.pages)
        left = [page for page in load.pages if page not in done]
        log.warning("a shard ended with %d of %d pages unread: %s", len(left), len(load.pages), message)
        self.answered += len(done)
        again = load.after_a_crash(left)
        group.again.extend(again)
        if left and not again:
            failures = [blamed(page, message) for page in page_refs(self._library, left)]
            self._library.publish(group.run_id, group.settings.collection, failures=failures)
            self.answered += len(left)

    def record(self, state: str) -> list[Account]:
        """Record how the runs of this dispatch stand; the account of each."""
        accounts = []
        for group in self._groups.values():
            account = account_for(self._library, group.run_id, group.pages, group.started)
            self._library.publish(
                group.run_id, group.settings.collection, run=account.record(group.settings, state)
            )
            accounts.append(account)
        return accounts
