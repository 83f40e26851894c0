"""Work pools and what Prefect must know of them. Everything here may be done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import WorkPool
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


def ensure_pool(client: SyncPrefectClient, name: str, *, new_limit: int | None) -> WorkPool:
    """A work pool of processes, made where it is missing, with this concurrency limit then (None: none)."""
    wanted = WorkPoolCreate(
        name=name,
        type=ProcessWorker.type,
        concurrency_limit=new_limit,
        base_job_template=ProcessWorker.get_default_base_job_template(),
    )
    try:
        return client.create_work_pool(wanted)
    except ObjectAlreadyExists:
        pool = client.read_work_pool(name)
    if pool.type != ProcessWorker.type:
        raise UsageError(
            f"The work pool {name} has the type {pool.type}.",
            remedy="Give the pool another name, or delete that one.",
        )
    return pool


def ensure_reading(client: SyncPrefectClient, pool: str, *, limit: int | None = None) -> None:
    """A pool for shards, and the deployment that puts them there.

    Args:
        limit: shards at a time; None: what the pool has, one for a new pool.
    """
    found = ensure_pool(client, pool, new_limit=limit or 1)
    if limit and found.concurrency_limit != limit:
        client.update_work_pool(pool, WorkPoolUpdate(concurrency_limit=limit))
    if any(deployment.work_pool_name == pool for deployment in _all_readings(client)):
        return
    deployment = read_shard.to_deployment(
        name=pool,
        work_pool_name=pool,
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
    there = {deployment.work_pool_name: deployment for deployment in _all_readings(client)}
    remedy = "Start its worker, which makes it: warraq worker --device cuda:0 [--pool NAME]"
    if missing := [pool for pool in pools if pool not in there]:
        raise UsageError(f"There is no pool of readers named {missing[0]}.", remedy=remedy)
    if not there:
        raise UsageError("There is no pool of readers yet.", remedy=remedy)
    return [there[pool] for pool in pools or sorted(name for name in there if name)]


def _all_readings(client: SyncPrefectClient) -> list[DeploymentResponse]:
    return client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])))
