"""Hands waiting pages to the workers of a Prefect server, shard by shard, until each page has its answer.

The library alone says what is done; the states of flow runs only say when to look. So nothing is lost whatever becomes of
a worker, of the server's records or of this process, and what was read is not read again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from httpx import TransportError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelled, Crashed

from flows.shards.orphans import Orphans
from flows.shards.pools import connect, readings
from ocr_core.errors import WarraqError
from ocr_core.library import Library
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.ledger import Handed, Ledger
from ocr_core.pipeline.shards import DispatchSettings
from tasks.digitize import tidy
from tasks.run import NoProgress

log = logging.getLogger(__name__)

# Errors are no page's fault (those are recorded with the page): a worker lacks something, or all of them. So they end
# the dispatch when there are so many for each worker while no shard succeeds.
MOST_ERRORS_IN_A_ROW = 3
SECONDS_WITHOUT_SERVER = 600.0
MOST_RUNS_AT_ONCE = 200  # of which the server tells in one answer


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


@dataclass
class _Pool:
    deployment: DeploymentResponse
    orphans: Orphans
    workers: int = 0


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
        self._ahead = settings.ahead
        self._ledger = Ledger(Library.open(settings.library), settings)
        self._progress = progress
        self._poll_s = poll_s
        self._pools = [_Pool(d, Orphans(d.work_pool_name or "")) for d in readings(client, settings.pools)]
        self._flying: dict[UUID, tuple[Handed, _Pool]] = {}
        self._serial = count()
        self._errors = 0
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
            self._ledger.record("interrupted")
            self._recall()
            raise
        return self._ledger.record("completed")

    def _step(self, coming: bool) -> bool:
        """Look at everything once; whether to go on."""
        try:
            self._land()
            if not self._ledger.left:
                self._ledger.look()
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
        return bool(coming or self._flying or self._ledger.left)

    @property
    def _workers(self) -> int:
        return sum(pool.workers for pool in self._pools)

    def _land(self) -> None:
        """Look after shards that have ended."""
        flying = list(self._flying)
        for start in range(0, len(flying), MOST_RUNS_AT_ONCE):
            some = flying[start : start + MOST_RUNS_AT_ONCE]
            runs = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=some)), limit=MOST_RUNS_AT_ONCE
            )
            states = {run.id: run.state for run in runs}
            for run_id in some:
                state = states.get(run_id, Crashed(message="Its flow run was deleted."))
                if state is not None and state.is_final():
                    handed, _ = self._flying.pop(run_id)
                    self._landed(handed, state)
        self._progress(self._ledger.answered, self._ledger.known)

    def _landed(self, handed: Handed, state: State[Any]) -> None:
        if state.is_completed():
            self._errors = 0
            self._ledger.completed(handed)
        elif state.is_cancelled():  # somebody wants it so
            self._ledger.given_up(handed)
        elif state.is_failed():
            self._errors += 1
            self._ledger.returned(handed)
            if self._errors >= MOST_ERRORS_IN_A_ROW * max(1, self._workers):
                raise WarraqError(
                    f"Workers fail again and again: {state.message}",
                    remedy="See what the worker says; the pages go on waiting in the library.",
                )
        else:
            self._ledger.crashed(handed, state.message or "")

    def _tend_pools(self) -> None:
        """Count the workers, end the shards of dead ones, and take back what waits where nobody works any more."""
        for pool in self._pools:
            pool.orphans.release(self._client)
            pool.workers = len(pool.orphans.living(self._client))
        if self._workers:
            for run_id, (handed, pool) in list(self._flying.items()):
                if not pool.workers and self._call_back(run_id):
                    del self._flying[run_id]
                    self._ledger.returned(handed)

    def _hand_out(self) -> None:
        """Fill the pools: no more shards wait than keep their workers busy, everything else waits in the library."""
        if not self._workers and self._ledger.left and not self._told_of_no_worker:
            self._told_of_no_worker = True
            names = ", ".join(pool.deployment.name for pool in self._pools)
            log.warning("no worker serves %s; pages wait until one does: warraq worker --pool …", names)
        for pool in sorted(self._pools, key=self._flights_to):
            # Where nobody works anywhere, a shard or two may wait for whoever comes first.
            workers = pool.workers or (0 if self._workers else 1)
            for _ in range((1 + self._ahead) * workers - self._flights_to(pool)):
                if not self._hand_one_to(pool):
                    return

    def _hand_one_to(self, pool: _Pool) -> bool:
        handed = self._ledger.next(self._workers)
        if handed is None:
            return False
        key = f"{handed.group.run_id}-{next(self._serial)}"
        try:
            run = self._client.create_flow_run_from_deployment(
                pool.deployment.id,
                parameters={"shard": handed.shard.model_dump(mode="json")},
                name=key,
                idempotency_key=key,  # a request that is sent twice makes one shard
            )
        except BaseException:
            self._ledger.returned(handed)
            raise
        self._flying[run.id] = (handed, pool)
        return True

    def _flights_to(self, pool: _Pool) -> int:
        return sum(to is pool for _, to in self._flying.values())

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
