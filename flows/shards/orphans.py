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
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

BEATS_MISSED = 4
SECONDS_BETWEEN_BEATS = 30  # of workers that do not say how often theirs come
_WORKER = "prefect.worker.name"  # Prefect's label of a flow run that a worker took


@dataclass
class _Pulse:
    beat: datetime | None
    felt_at: float
    patience_s: float


class Orphans:
    """Watches the workers of one pool by their heartbeats, and ends the flow runs of those that fell silent.

    Silence is measured by our own clock, since a heartbeat was last seen to change: clocks of machines differ. So
    whoever has just begun to watch waits, before it judges, as long as anybody else.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, pool: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._pulses: dict[str, _Pulse] = {}
        self._unclaimed: dict[UUID, float] = {}

    def living(self, client: SyncPrefectClient) -> set[str]:
        """Names of the workers of the pool that are not known to be gone."""
        now = self._clock()
        online = client.read_workers_for_work_pool(
            self._pool, worker_filter=WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        )
        living = set()
        for worker in online:
            pulse = self._pulses.get(worker.name)
            if pulse is None or pulse.beat != worker.last_heartbeat_time:
                patience = BEATS_MISSED * (worker.heartbeat_interval_seconds or SECONDS_BETWEEN_BEATS)
                pulse = self._pulses[worker.name] = _Pulse(worker.last_heartbeat_time, now, patience)
            if now - pulse.felt_at <= pulse.patience_s:
                living.add(worker.name)
        return living

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
        lost = [run for run in taken if not self._cared_for(run, living)]
        for run in lost:
            message = f"Worker {run.labels.get(_WORKER, '(unknown)')} is gone."
            client.set_flow_run_state(run.id, Crashed(message=message))
        return lost

    def _cared_for(self, run: FlowRun, living: set[str]) -> bool:
        worker = run.labels.get(_WORKER)
        if worker is not None:
            return worker in living
        # Between being taken and having its worker's name, which takes moments.
        seen = self._unclaimed.setdefault(run.id, self._clock())
        return self._clock() - seen <= BEATS_MISSED * SECONDS_BETWEEN_BEATS
