"""A Prefect worker whose flow runs all go to one process, which keeps its models."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID, uuid4

import anyio
from anyio import to_thread
from httpx import TransportError
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables

from flows.shards.orphans import Orphans
from flows.shards.watched import ReaderEnded, WatchedReader
from ocr_core.config import WorkerSettings

SECONDS_TO_SAY_GOODBYE = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 20.0, 600.0  # after shards that failed, one after the other


class ReadingResult(BaseWorkerResult):
    """How a shard ended; anything but 0 counts as a crash."""


class ReadingWorker(BaseWorker[ProcessJobConfiguration, ProcessVariables, ReadingResult]):
    """Polls one work pool, one shard at a time.

    A shard whose reader dies or hangs has crashed at once; the shards of workers that fell silent are found by
    those that go on (see `orphans`). A plain `prefect worker start` serves the same pools, and loads the models for
    every shard.

    Args:
        pin: environment of the reading process beside that of the pool.
    """

    type = "process"
    job_configuration = ProcessJobConfiguration
    job_configuration_variables = ProcessVariables

    def __init__(self, pool: str, reader: WatchedReader, pin: Mapping[str, str]) -> None:
        # A worker that was killed must not seem alive because another began: each has a name of its own.
        name = f"{socket.gethostname()} {os.getpid()} {uuid4().hex[:6]}"
        super().__init__(work_pool_name=pool, name=name, limit=1, create_pool_if_not_found=False)
        self._reader = reader
        self._pin = dict(pin)
        self._orphans = Orphans(pool)
        self._looking_for_orphans = False
        self._reading: UUID | None = None
        self._pause_s = 0.0

    @classmethod
    def __dispatch_key__(cls) -> str:
        return "warraq"  # in Prefect's register `process` stays Prefect's own worker

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ReadingResult:
        """Have the shard of `flow_run` read, and wait for that."""
        own = {name: value for name, value in configuration.env.items() if not name.startswith("PREFECT__")}
        number = await to_thread.run_sync(self._reader.start, {**own, **self._pin})
        if task_status is not None:
            task_status.started(number)
        self._reading = flow_run.id
        ended = ReadingResult(identifier=str(number), status_code=0)
        try:
            read = await to_thread.run_sync(self._reader.read, flow_run.id, abandon_on_cancel=True)
        except ReaderEnded as error:
            await self._propose_crashed_state(flow_run, str(error))
            return ended.model_copy(update={"status_code": 1})
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(SECONDS_TO_SAY_GOODBYE):
                await self._propose_crashed_state(flow_run, "The worker was told to end.")
            raise
        finally:
            self._reading = None
        # One worker that lacks something must not fail all the shards that others would read.
        self._pause_s = 0.0 if read else min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        await anyio.sleep(self._pause_s)
        # Until the next regular look a GPU would stand idle for seconds after every shard. This one comes as soon as we
        # have returned, when our place in the pool is free.
        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(self._look_for_the_next)
        return ended

    async def _look_for_the_next(self) -> None:
        with suppress(TransportError, PrefectHTTPStatusError):  # the next regular look says what is wrong
            await self.get_and_submit_flow_runs()

    async def sync_with_backend(self) -> None:
        """The heartbeat; and a look for shards that others left behind, which would block the pool.

        By plain requests: Prefect's own way, a socket that stays open, has left SQLite servers locked for a minute when
        a worker was killed.
        """
        await self.client.send_worker_heartbeat(
            self._work_pool_name, self.name, heartbeat_interval_seconds=self.heartbeat_interval_seconds
        )
        self._record_work_pool_snapshot(await self.client.read_work_pool(self._work_pool_name))
        await self._give_up_what_is_not_ours()
        if not self._looking_for_orphans:
            assert self._runs_task_group is not None
            self._looking_for_orphans = True
            self._runs_task_group.start_soon(self._look_for_orphans)  # our next beat does not wait for it

    async def _look_for_orphans(self) -> None:
        try:
            with suppress(TransportError, PrefectHTTPStatusError):  # there is a next time
                await to_thread.run_sync(self._release_orphans)
        finally:
            self._looking_for_orphans = False

    def _release_orphans(self) -> None:
        with get_client(sync_client=True) as client:
            self._orphans.release(client)

    async def _give_up_what_is_not_ours(self) -> None:
        """Stop reading a shard that was cancelled, or given to others because we were taken for dead."""
        if (flow_run_id := self._reading) is None:
            return
        run = await self.client.read_flow_run(flow_run_id)
        if run.state is None or not (
            run.state.is_crashed() or run.state.is_cancelled() or run.state.is_cancelling()
        ):
            return
        if run.state.is_cancelling():
            await self._mark_flow_run_as_cancelled(run)
        if self._reading == flow_run_id:
            await to_thread.run_sync(self._reader.kill)


def pinned(device: str, visible: str | None) -> tuple[str, dict[str, str]]:
    """The device of a process that sees only one GPU, and the environment that makes it so.

    Args:
        device: auto, cpu, cuda or cuda:N, N among those that are visible.
        visible: CUDA_VISIBLE_DEVICES of this process.
    """
    name, _, number = device.partition(":")
    if not number:
        return device, {}
    devices = visible.split(",") if visible else []
    chosen = devices[int(number)] if int(number) < len(devices) else number
    return name, {"CUDA_VISIBLE_DEVICES": chosen}


def work(settings: WorkerSettings, say: Callable[..., None]) -> None:
    """Serve a pool until told to end, by Ctrl-C or SIGTERM."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # shells ignore it for what they start behind them
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    device, pin = pinned(settings.device, os.environ.get("CUDA_VISIBLE_DEVICES"))
    with WatchedReader(device, settings.workers, settings.silence_s) as reader:
        worker = ReadingWorker(settings.pool_name, reader, pin)
        anyio.run(lambda: worker.start(printer=say))
