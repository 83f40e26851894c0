"""Hands waiting pages to the workers of a Prefect server, shard by shard, until each page has its answer.

The library alone says what is done; the states of flow runs only say when to look. So nothing is lost whatever becomes of
a worker, of the server's records or of this process, and what was read is not read again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from httpx import TransportError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelled

from flows.shards.orphans import Orphans
from flows.shards.pools import connect, readings
from ocr_core import __version__
from ocr_core.config import RunSettings
from ocr_core.errors import WarraqError
from ocr_core.library import Library, RunRecord, new_run_id
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
from ocr_core.records import Status
from tasks.digitize import tidy
from tasks.run import NoProgress

log = logging.getLogger(__name__)

# A shard this small is mostly waiting for its worker to look for the next one.
LEAST_PAGES = 16
# Errors are no page's fault (those are recorded with the page): a worker lacks something, or all of them. So they end
# the dispatch when there are so many for each worker while no shard succeeds.
MOST_ERRORS_IN_A_ROW = 3
SECONDS_WITHOUT_SERVER = 600.0
MOST_RUNS_AT_ONCE = 200  # of which the server tells in one answer


@dataclass
class _Pool:
    deployment: DeploymentResponse
    orphans: Orphans
    workers: int = 0


@dataclass
class _Group:
    """Pages that are read alike, under one run of the library."""

    settings: RunSettings
    run_id: str = field(default_factory=new_run_id)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    pages: list[str] = field(default_factory=list)
    fresh: deque[str] = field(default_factory=deque)
    again: deque[Load] = field(default_factory=deque)

    def record(self, state: str, account: Account) -> RunRecord:
        return RunRecord(
            run_id=self.run_id,
            collection=self.settings.collection,
            sources=tuple(map(str, self.settings.sources)),
            started_at=self.started,
            finished_at=None if state == "running" else datetime.now(UTC),
            state=state,
            settings=self.settings.model_dump(mode="json"),
            warraq_version=__version__,
            counts={
                "discovered": account.discovered,
                "skipped": sum(account.already.values()),
                **{status.value: account.total(status) for status in Status},
            },
        )


@dataclass(frozen=True)
class _Flight:
    group: _Group
    load: Load
    pool: _Pool


def hand_out(
    settings: DispatchSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    more: Callable[[], bool] = lambda: False,
    check: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """A whole dispatch (see `Dispatcher.run`), after which the library is tidied; the account of each run of it."""
    with connect() as client:
        accounts = Dispatcher(client, settings, progress).run(more, check)
    if accounts:
        tidy(Library.open(settings.library), NoProgress())
    return [account.as_dict() for account in accounts]


class Dispatcher:
    """One dispatch.

    Args:
        progress: told the pages that have their answer, and all pages so far.
        poll_s: seconds between two looks at the server.
    """

    def __init__(
        self,
        client: SyncPrefectClient,
        settings: DispatchSettings,
        progress: Callable[[int, int], None] = lambda done, total: None,
        poll_s: float = 2.0,
    ) -> None:
        self._client = client
        self._settings = settings
        self._library = Library.open(settings.library)
        self._progress = progress
        self._poll_s = poll_s
        self._pools = [_Pool(d, Orphans(d.work_pool_name or "")) for d in readings(client, settings.pools)]
        self._groups: dict[RunSettings, _Group] = {}
        self._seen_version = -1
        self._known: set[str] = set()
        self._flying: dict[UUID, _Flight] = {}
        self._serial = count()
        self._errors = 0
        self._answered = 0
        self._told_of_no_worker = False
        self._unreachable_s = 0.0

    def run(
        self, more: Callable[[], bool] = lambda: False, check: Callable[[], None] = lambda: None
    ) -> list[Account]:
        """Go on until every waiting page has its answer; an account for each run that this made.

        Args:
            more: whether further pages may yet come to wait.
            check: called often; what it raises ends the dispatch.

        Raises:
            WarraqError: workers fail for reasons that lie with no page.
        """
        try:
            while self._step(coming=more()):
                check()
                time.sleep(self._poll_s)
        except BaseException:
            self._record("interrupted")
            self._recall()
            raise
        return self._record("completed")

    def _step(self, coming: bool) -> bool:
        """Look at everything once; whether to go on."""
        try:
            self._land()
            if not self._left():
                self._look()
            self._tend_pools()
            self._hand_out()
        except (TransportError, PrefectHTTPStatusError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code < 500:
                raise
            # A server that is being started anew has its records on disk, and workers go on with what they have.
            self._unreachable_s += self._poll_s
            if self._unreachable_s > SECONDS_WITHOUT_SERVER:
                raise
            log.warning("the Prefect server cannot be reached: %s", error)
            return True
        self._unreachable_s = 0.0
        return bool(coming or self._flying or self._left())

    def _look(self) -> None:
        """Find pages that have come to wait."""
        if self._library.version == self._seen_version:
            return
        self._seen_version = self._library.version
        settings = self._settings
        for alike, pages in waiting(self._library, settings.arabic, upgrade=settings.upgrade):
            if fresh := [page for page in pages if page not in self._known]:
                key = alike.model_copy(update={"sources": ()})
                group = self._groups.get(key)
                if group is None:
                    group = self._groups[key] = _Group(alike)
                    record = group.record("running", Account(group.run_id, 0))
                    self._library.publish(group.run_id, alike.collection, run=record)
                self._known.update(fresh)
                group.pages += fresh
                group.fresh += fresh

    def _left(self) -> int:
        return sum(len(g.fresh) + sum(len(load.pages) for load in g.again) for g in self._groups.values())

    def _hand_out(self) -> None:
        """Fill the pools: no more shards wait than keep their workers busy, everything else waits in the library."""
        workers = sum(pool.workers for pool in self._pools)
        if not workers and self._left() and not self._told_of_no_worker:
            self._told_of_no_worker = True
            names = ", ".join(pool.deployment.name for pool in self._pools)
            log.warning("no worker serves %s; pages wait until one does: warraq worker --pool …", names)
        for pool in sorted(self._pools, key=self._flights_of):
            # Where nobody works anywhere, a shard or two may wait for whoever comes first.
            room = (1 + self._settings.ahead) * (pool.workers or (0 if workers else 1)) - self._flights_of(
                pool
            )
            for _ in range(room):
                if not self._hand_one_to(pool, workers):
                    return

    def _hand_one_to(self, pool: _Pool, workers: int) -> bool:
        for group in self._groups.values():
            if load := self._next_load(group, workers):
                settings = (
                    group.settings.model_copy(update={"batch_pages": 1}) if load.singly else group.settings
                )
                shard = Shard(settings=settings, run_id=group.run_id, pages=load.pages)
                key = f"{group.run_id}-{next(self._serial)}"
                try:
                    run = self._client.create_flow_run_from_deployment(
                        pool.deployment.id,
                        parameters={"shard": shard.model_dump(mode="json")},
                        name=key,
                        idempotency_key=key,  # a request that is sent twice makes one shard
                    )
                except BaseException:
                    group.again.append(load)
                    raise
                self._flying[run.id] = _Flight(group, load, pool)
                return True
        return False

    def _next_load(self, group: _Group, workers: int) -> Load | None:
        if group.again:
            return group.again.popleft()
        if not group.fresh:
            return None
        # Smaller towards the end, so that all workers end together (guided self-scheduling, as in `tasks.workshop`).
        share = len(group.fresh) // (2 * max(workers, 1))
        size = min(self._settings.shard_pages, max(LEAST_PAGES, share), len(group.fresh))
        return Load(tuple(group.fresh.popleft() for _ in range(size)))

    def _flights_of(self, pool: _Pool) -> int:
        return sum(flight.pool is pool for flight in self._flying.values())

    def _land(self) -> None:
        """Look after shards that have ended."""
        flying = list(self._flying)
        for start in range(0, len(flying), MOST_RUNS_AT_ONCE):
            some = FlowRunFilter(id=FlowRunFilterId(any_=flying[start : start + MOST_RUNS_AT_ONCE]))
            for run in self._client.read_flow_runs(flow_run_filter=some, limit=MOST_RUNS_AT_ONCE):
                if run.state is not None and run.state.is_final():
                    self._landed(self._flying.pop(run.id), run.state)
        self._progress(self._answered, len(self._known))

    def _landed(self, flight: _Flight, state: State[Any]) -> None:
        group, load = flight.group, flight.load
        if state.is_completed():
            self._errors = 0
            self._answered += len(load.pages)
            return
        if state.is_cancelled():  # somebody wants it so: its pages wait for another dispatch
            log.warning("a shard of %d pages was cancelled", len(load.pages))
            return
        if state.is_failed():
            self._errors += 1
            if self._errors >= MOST_ERRORS_IN_A_ROW * max(1, sum(pool.workers for pool in self._pools)):
                raise WarraqError(
                    f"Workers fail again and again: {state.message}",
                    remedy="See what the worker says; the pages go on waiting in the library.",
                )
            group.again.append(load)
            return
        done = answered(self._library, group.run_id, load.pages)
        left = [page for page in load.pages if page not in done]
        self._answered += len(done)
        again = load.after_a_crash(left)
        log.warning("a shard ended with %d of %d pages unread: %s", len(left), len(load.pages), state.message)
        group.again.extend(again)
        if left and not again:
            self._answered += len(left)
            failures = [blamed(page, state.message or "") for page in page_refs(self._library, left)]
            self._library.publish(group.run_id, group.settings.collection, failures=failures)

    def _tend_pools(self) -> None:
        """Count the workers, end the shards of dead ones, and take back what waits where nobody works any more."""
        for pool in self._pools:
            pool.orphans.release(self._client)
            pool.workers = len(pool.orphans.living(self._client))
        if any(pool.workers for pool in self._pools):
            for run_id, flight in list(self._flying.items()):
                if not flight.pool.workers and self._call_back(run_id):
                    del self._flying[run_id]
                    flight.group.again.append(flight.load)

    def _call_back(self, run_id: UUID) -> bool:
        """Cancel a shard that nobody has begun."""
        run = self._client.read_flow_run(run_id)
        if run.state is None or not run.state.is_scheduled():
            return False
        self._client.set_flow_run_state(run_id, Cancelled(message="Called back."))
        state = self._client.read_flow_run(run_id).state
        return state is not None and state.is_cancelled()

    def _recall(self) -> None:
        """Leave no shard behind that nobody has begun; what is being read is published as ever."""
        for run_id in self._flying:
            with suppress(TransportError, PrefectHTTPStatusError):
                self._call_back(run_id)

    def _record(self, state: str) -> list[Account]:
        accounts = []
        for group in self._groups.values():
            account = account_for(self._library, group.run_id, group.pages, group.started)
            self._library.publish(group.run_id, group.settings.collection, run=group.record(state, account))
            accounts.append(account)
        return accounts
