"""Work pools and what Prefect must know of them. Everything here may be done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from flows.shards.flow import FLOW, read_shard
from ocr_core.errors import MissingDependency, UsageError


@contextmanager
def connect() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect server that the environment or profile names.

    Raises:
        MissingDependency: none is named, or it does not answer.
    """
    address = PREFECT_API_URL.value()
    if not address:
        raise MissingDependency(
            "Workers need a Prefect server, and none is named.",
            remedy="Start one (`prefect server start`) and name it: export PREFECT_API_URL=http://HOST:4200/api",
        )
    with get_client(sync_client=True) as client:
        if error := client.api_healthcheck():
            raise MissingDependency(
                f"The Prefect server at {address} does not answer: {error}",
                remedy="Start it (`prefect server start`), or name another: export PREFECT_API_URL=…",
            )
        yield client


def ensure_pool(client: SyncPrefectClient, name: str, *, limit: int | None) -> None:
    """A work pool of processes with this concurrency limit (None: none), made where it is missing."""
    wanted = WorkPoolCreate(
        name=name,
        type=ProcessWorker.type,
        concurrency_limit=limit,
        base_job_template=ProcessWorker.get_default_base_job_template(),
    )
    try:
        client.create_work_pool(wanted)
    except ObjectAlreadyExists:
        pool = client.read_work_pool(name)
        if pool.type != ProcessWorker.type:
            raise UsageError(
                f"The work pool {name} has the type {pool.type}.",
                remedy="Give --pool another name, or delete that pool.",
            ) from None
        if pool.concurrency_limit != limit:
            client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))


def ensure_reading(client: SyncPrefectClient, pool: str, *, limit: int, gpu: str | None = None) -> None:
    """A pool for shards, and the deployment that puts them there.

    Args:
        limit: shards at a time; as many as workers.
        gpu: CUDA_VISIBLE_DEVICES of every process of this pool.
    """
    ensure_pool(client, pool, limit=limit)
    deployment = read_shard.to_deployment(
        name=pool,
        work_pool_name=pool,
        job_variables={"env": {"CUDA_VISIBLE_DEVICES": gpu}} if gpu else {},
        entrypoint_type=EntrypointType.MODULE_PATH,
        description="Reads shards of Arabic pages; `warraq dispatch` fills it.",
        tags=["warraq"],
    )
    assert isinstance(deployment, RunnerDeployment)  # a coroutine only inside of an event loop
    deployment.apply()


def readings(client: SyncPrefectClient, pools: Sequence[str] = ()) -> list[DeploymentResponse]:
    """The deployments that put shards into these pools, or into any.

    Raises:
        UsageError: a pool has none, or there is no such pool at all.
    """
    found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])))
    there = {deployment.work_pool_name: deployment for deployment in found}
    remedy = "Start its worker, which makes it: warraq worker --device cuda:0 [--pool NAME]"
    if missing := [pool for pool in pools if pool not in there]:
        raise UsageError(f"There is no pool of readers named {missing[0]}.", remedy=remedy)
    if not there:
        raise UsageError("There is no pool of readers yet.", remedy=remedy)
    return [there[pool] for pool in pools or sorted(name for name in there if name)]
