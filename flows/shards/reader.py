"""The process that holds the models: `python -m flows.shards.reader DEVICE WORKERS`.

It is told flow runs, one a line on standard input, and reads their shards one after the other. On standard output it says
a line whenever something has been done, and `done` after each shard, or `failed`, after which it ends. Whoever started it
kills it when it is silent for too long. It ends by itself, with all its processes, when its standard input does: a pipe is
the one sign of life that the system itself withdraws, whatever ended the other side.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TextIO
from uuid import UUID

from flows.local_prefect import configure, importing
from ocr_core.pipeline.account import Account
from ocr_core.records import Failure, PageResult

if TYPE_CHECKING:
    from ocr_core.pipeline.shards import Shard
    from tasks.shard import Place

AT_WORK = "at work"
DONE = "done"
FAILED = "failed"
READY = "ready"


class SignsOfLife:
    """A run's progress, told to whoever watches this process."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def say(self, word: str) -> None:
        print(word, file=self._out, flush=True)

    def stage(self, text: str) -> None:
        self.say(AT_WORK)

    def start(self, account: Account, total: int) -> None:
        self.say(AT_WORK)

    def update(self, account: Account, results: list[PageResult | Failure]) -> None:
        self.say(AT_WORK)

    def stop(self) -> None: ...


def main() -> None:
    os.setpgrp()
    # What libraries print must not be taken for our words.
    words = SignsOfLife(os.fdopen(os.dup(sys.stdout.fileno()), "w"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    told: queue.Queue[UUID] = queue.Queue()
    threading.Thread(target=_listen, args=(told,), daemon=True).start()
    configure()
    with importing():
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        from tasks.shard import Place
    here = Place(sys.argv[1], int(sys.argv[2]), words)
    words.say(READY)
    # The worker's heartbeat tells of us, and joining the thread of another would cost each shard a second.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        while True:
            if _read(told.get(), here):
                words.say(DONE)
            else:
                words.say(FAILED)
                # Nobody knows what is left of it (of a GPU after an error, say); the worker starts another.
                os.killpg(0, signal.SIGKILL)


def _listen(told: queue.Queue[UUID]) -> None:
    for line in sys.stdin:
        told.put(UUID(line.strip()))
    os.killpg(0, signal.SIGKILL)


def _read(flow_run_id: UUID, here: Place) -> bool:
    """One shard, as Prefect's own engine runs a flow run, whose state says how it ended; whether it ended well."""
    from prefect.exceptions import Abort
    from prefect.flow_engine import load_flow_run, run_flow
    from prefect.states import State

    from flows.shards.flow import read_shard
    from tasks.shard import place

    try:
        flow_run = load_flow_run(flow_run_id)
        place.set(replace(here, next_shard=partial(_waiting_in, flow_run.work_pool_name or "")))
        state = run_flow(read_shard, flow_run=flow_run, return_type="state")
    except Abort:  # it was cancelled, or given to somebody else, before we began
        return True
    return isinstance(state, State) and state.is_completed()


def _waiting_in(pool: str) -> Shard | None:
    """The shard that has waited longest in a pool. Looking at it takes it from nobody."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    from ocr_core.pipeline.shards import Shard

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=filters.FlowRunFilter(
                state=filters.FlowRunFilterState(
                    type=filters.FlowRunFilterStateType(any_=[StateType.SCHEDULED])
                )
            ),
            work_pool_filter=filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[pool])),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=1,
        )
    return Shard.model_validate(runs[0].parameters["shard"]) if runs else None


if __name__ == "__main__":
    main()
