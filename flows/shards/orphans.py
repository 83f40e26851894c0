"""Shards whose worker is gone: nobody else would ever end their flow runs, and each blocks a place of its pool."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.states import Crashed

BEATS_MISSED = 3  # after which a worker is taken to be gone
BEATS_MORE = 2  # after which its shards are given to others
SECONDS_BETWEEN_BEATS = 30  # of workers that do not say how often theirs come
SECONDS_TO_CLAIM = 120.0
_WORKER = "prefect.worker.name"  # Prefect's label of a flow run that a worker took
_MISSED = "warraq.worker.missed"  # ours, of one whose worker is silent


@dataclass
class _Pulse:
    """A worker's last heartbeat, and for how long we have listened in vain since."""

    beat: datetime | None
    every_s: float
    silent_s: float = 0.0

    @property
    def gone(self) -> bool:
        return self.silent_s > BEATS_MISSED * self.every_s


class Orphans:
    """Watches the workers of one pool by their heartbeats, and ends the flow runs of those that fell silent.

    Silence is measured by our own clock, since a heartbeat was last seen to change: clocks of machines differ. So
    whoever has just begun to watch waits, before it judges, as long as anybody else. Two things look like silence and are
    none. We stood still, or waited for the server: so no look adds more than one beat. Or the server answers questions and
    records nothing, as SQLite does for a minute while it is locked: so before its shards are given to others, the server
    must have recorded something for us, and the worker be silent after that.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, pool: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._looked_at = clock()
        self._pulses: dict[str, _Pulse] = {}
        self._suspects: dict[UUID, _Pulse] = {}
        self._unclaimed: dict[UUID, float] = {}

    def living(self, client: SyncPrefectClient) -> set[str]:
        """Names of the workers of the pool that are not known to be gone."""
        workers = client.read_workers_for_work_pool(self._pool)
        now = self._clock()
        passed, self._looked_at = now - self._looked_at, now
        for pulse in (*self._pulses.values(), *self._suspects.values()):
            pulse.silent_s += min(passed, pulse.every_s)
        for worker in workers:
            felt = self._pulses.get(worker.name)
            if felt is None or felt.beat != worker.last_heartbeat_time:
                every_s = worker.heartbeat_interval_seconds or SECONDS_BETWEEN_BEATS
                self._pulses[worker.name] = new = _Pulse(worker.last_heartbeat_time, every_s)
                if felt is None and worker.status is WorkerStatus.OFFLINE:  # perhaps for weeks
                    new.silent_s = BEATS_MISSED * every_s + 1
        return {name for name, pulse in self._pulses.items() if not pulse.gone}

    def release(self, client: SyncPrefectClient) -> list[FlowRun]:
        """End, as crashed, the flow runs of this pool whose worker is gone; these."""
        living = self.living(client)
        taken = client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
                )
            ),
        )
        lost = [run for run in taken if self._is_lost(run, living, client)]
        for run in lost:
            message = f"Worker {run.labels.get(_WORKER, '(unknown)')} is gone."
            client.set_flow_run_state(run.id, Crashed(message=message))
        return lost

    def _is_lost(self, run: FlowRun, living: set[str], client: SyncPrefectClient) -> bool:
        worker = run.labels.get(_WORKER)
        if worker is None:
            # Between being taken and having its worker's name, which takes moments.
            seen = self._unclaimed.setdefault(run.id, self._clock())
            return self._clock() - seen > SECONDS_TO_CLAIM
        if worker in living:
            self._suspects.pop(run.id, None)
            return False
        suspect = self._suspects.get(run.id)
        if suspect is not None:
            return suspect.silent_s > BEATS_MORE * suspect.every_s
        client.update_flow_run_labels(run.id, {_MISSED: True})  # comes back when the server has recorded it
        self._looked_at = self._clock()
        pulse = self._pulses.get(str(worker))
        self._suspects[run.id] = _Pulse(None, pulse.every_s if pulse else SECONDS_BETWEEN_BEATS)
        return False
