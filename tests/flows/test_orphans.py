"""Shards of workers that fell silent, as a real Prefect server has them; only the clock of the watcher is turned by hand."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
from prefect.states import Cancelling, Crashed, Pending, Running
from sqlalchemy import make_url

from flows.shards.orphans import BEATS_MISSED, BEATS_MORE, SECONDS_TO_CLAIM, Orphans
from flows.shards.pools import ensure_reading, readings
from flows.shards.watched import WatchedReader
from flows.shards.worker import ReadingWorker
from ocr_core.errors import UsageError

pytestmark = pytest.mark.usefixtures("prefect_server")
BEAT = 10


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def pool(client: SyncPrefectClient) -> str:
    name = f"pool-{uuid4().hex[:8]}"
    ensure_reading(client, name, limit=2)
    return name


def taken(client: SyncPrefectClient, pool: str, worker: str | None, state: object) -> FlowRun:
    [deployment] = readings(client, [pool])
    shard = {"settings": {"sources": ["/in"], "library": "/library"}, "run_id": "r", "pages": ["p"]}
    run = client.create_flow_run_from_deployment(
        deployment.id, parameters={"shard": shard}, labels={"prefect.worker.name": worker} if worker else {}
    )
    client.set_flow_run_state(run.id, state)
    return run


def beat(client: SyncPrefectClient, pool: str, worker: str) -> None:
    client.send_worker_heartbeat(pool, worker, heartbeat_interval_seconds=BEAT)


def test_a_silent_worker_loses_its_shard_and_no_other_does(client: SyncPrefectClient, pool: str) -> None:
    clock = Clock()
    orphans = Orphans(pool, clock)
    beat(client, pool, "silent")
    beat(client, pool, "lively")
    lost = taken(client, pool, "silent", Running())
    taken(client, pool, "lively", Running())
    assert orphans.living(client) == {"silent", "lively"}
    for _ in range(BEATS_MISSED + 1 + BEATS_MORE):
        clock.now += BEAT
        beat(client, pool, "lively")
        assert orphans.release(client) == []
    clock.now += BEAT
    beat(client, pool, "lively")
    assert [run.id for run in orphans.release(client)] == [lost.id]
    assert orphans.living(client) == {"lively"}
    state = client.read_flow_run(lost.id).state
    assert state is not None
    assert state.is_crashed()
    assert orphans.release(client) == []
    beat(client, pool, "silent")
    assert orphans.living(client) == {"silent", "lively"}


def test_a_watcher_that_stood_still_has_heard_no_silence(client: SyncPrefectClient, pool: str) -> None:
    clock = Clock()
    orphans = Orphans(pool, clock)
    beat(client, pool, "slow")
    taken(client, pool, "slow", Running())
    for _ in range(BEATS_MISSED):
        clock.now += 3600
        assert orphans.release(client) == []
        assert orphans.living(client) == {"slow"}


def test_a_server_that_records_nothing_has_heard_no_silence(client: SyncPrefectClient, pool: str) -> None:
    clock = Clock()
    orphans = Orphans(pool, clock)
    beat(client, pool, "lively")
    taken(client, pool, "lively", Running())
    assert orphans.release(client) == []
    address = make_url(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    with closing(sqlite3.connect(str(address.database))) as database, ThreadPoolExecutor(1) as beside:
        database.execute("BEGIN IMMEDIATE")  # reading goes on, nobody can write
        for _ in range(BEATS_MISSED):
            clock.now += BEAT
            assert orphans.release(client) == []
        clock.now += BEAT
        released = beside.submit(orphans.release, client)
        with pytest.raises(TimeoutError):
            released.result(timeout=1)
        clock.now += BEATS_MORE * BEAT
        database.rollback()
        assert released.result() == []
    clock.now += BEAT
    assert orphans.release(client) == []
    assert orphans.living(client) == set()
    beat(client, pool, "lively")
    clock.now += BEAT
    assert orphans.release(client) == []
    assert orphans.living(client) == {"lively"}


def test_a_shard_whose_worker_died_before_it_gave_its_name_is_released(
    client: SyncPrefectClient, pool: str
) -> None:
    clock = Clock()
    orphans = Orphans(pool, clock)
    run = taken(client, pool, None, Pending())
    assert orphans.release(client) == []
    clock.now += SECONDS_TO_CLAIM + 1
    assert [lost.id for lost in orphans.release(client)] == [run.id]


def test_pools_and_deployments_can_be_made_again(client: SyncPrefectClient, pool: str) -> None:
    [before] = readings(client, [pool])
    for limit, expected in ((None, 2), (3, 3)):
        ensure_reading(client, pool, limit=limit)
        [after] = readings(client, [pool])
        assert after == before
        assert client.read_work_pool(pool).concurrency_limit == expected
    with pytest.raises(UsageError, match="no pool of readers named nothing"):
        readings(client, [pool, "nothing"])


def test_a_worker_gives_up_what_was_cancelled_or_given_to_others(
    client: SyncPrefectClient, pool: str
) -> None:
    async def beat_while_reading(run: FlowRun, worker: ReadingWorker) -> None:
        async with worker:
            worker._reading = run.id
            await worker.sync_with_backend()

    with WatchedReader("cpu", 1, silence_s=60) as reader:
        for state, alive, final in (
            (Running(), True, StateType.RUNNING),
            (Crashed(), False, StateType.CRASHED),
            (Cancelling(), False, StateType.CANCELLED),
        ):
            number = reader.start({})
            worker = ReadingWorker(pool, reader, {})
            run = taken(client, pool, worker.name, Running())
            client.set_flow_run_state(run.id, state, force=True)
            asyncio.run(beat_while_reading(run, worker))
            assert psutil.pid_exists(number) is alive
            now = client.read_flow_run(run.id).state
            assert now is not None
            assert now.type is final
