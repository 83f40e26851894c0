"""Dispatches on a real Prefect server whose worker is the test: it takes shards and ends them as it likes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed

from flows.shards.dispatch import Dispatcher
from flows.shards.pools import ensure_reading
from ocr_core.config import RunSettings
from ocr_core.errors import WarraqError
from ocr_core.library import Library
from ocr_core.pipeline.engines import LATER
from ocr_core.pipeline.shards import DispatchSettings, Shard, page_refs
from ocr_core.records import Status
from tests.library.make import document, result, run_record

pytestmark = pytest.mark.usefixtures("prefect_server")
PAGES = 40


@pytest.fixture
def pool(client: SyncPrefectClient) -> str:
    name = f"pool-{uuid4().hex[:8]}"
    ensure_reading(client, name)
    return name


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.create(tmp_path / "library")
    book = document("book.tif", PAGES)
    settings = RunSettings.model_validate({"sources": ["/in"], "library": library.root, "arabic": "defer"})
    waiting = [
        result(book.page(number), None, status=Status.PENDING, reason=LATER.reason)
        for number in range(1, PAGES + 1)
    ]
    library.publish("r1", "default", documents=[book], results=waiting, run=run_record("r1", settings))
    return library


class Hand:
    """Does with every shard of a pool what the test says."""

    def __init__(self, client: SyncPrefectClient, pool: str, do: Callable[[Shard], State]) -> None:
        self._client = client
        self._pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
        self._do = do
        self.shards: list[Shard] = []

    def __call__(self) -> None:
        scheduled = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        )
        for run in self._client.read_flow_runs(flow_run_filter=scheduled, work_pool_filter=self._pool):
            shard = Shard.model_validate(run.parameters["shard"])
            self.shards.append(shard)
            self._client.set_flow_run_state(run.id, self._do(shard), force=True)


def dispatcher(client: SyncPrefectClient, library: Library, *pools: str) -> Dispatcher:
    settings = DispatchSettings(library=library.root, pools=pools, shard_pages=16)
    return Dispatcher(client, settings, poll_s=0.01)


def publish(library: Library, shard: Shard, pages: list[str]) -> None:
    results = [result(page, "نص") for page in page_refs(library, pages)]
    library.publish(shard.run_id, shard.settings.collection, results=results)


def statuses(library: Library) -> dict[str, int]:
    with closing(library.connect()) as con:
        return dict(con.execute("SELECT status, count(*) FROM pages GROUP BY status").fetchall())


def test_shards_hold_every_page_once(client: SyncPrefectClient, library: Library, pool: str) -> None:
    def read(shard: Shard) -> State:
        publish(library, shard, list(shard.pages))
        return Completed()

    hand = Hand(client, pool, read)
    [account] = dispatcher(client, library, pool).run(check=hand)
    handed = [page for shard in hand.shards for page in shard.pages]
    assert len(handed) == len(set(handed)) == PAGES
    assert max(len(shard.pages) for shard in hand.shards) <= 16
    assert account.balanced
    assert account.counts == {Status.DONE: PAGES}
    assert statuses(library) == {"done": PAGES}
    assert library.runs()[-1]["state"] == "completed"


def test_a_page_that_ends_its_reader_fails_alone(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    deadly = page_refs(library, [f"{document('book.tif').doc_id}-00007"])[0].page_id

    def read(shard: Shard) -> State:
        if deadly not in shard.pages:
            publish(library, shard, list(shard.pages))
            return Completed()
        if shard.singly:
            publish(library, shard, list(shard.pages[: shard.pages.index(deadly)]))
        return Crashed(message="killed by signal 9")

    [account] = dispatcher(client, library, pool).run(check=Hand(client, pool, read))
    assert account.balanced
    assert account.counts == {Status.DONE: PAGES - 1, Status.FAILED: 1}
    [failed] = account.failures
    assert (failed.page_id, failed.kind) == (deadly, "reader-died")
    assert "killed by signal 9" in failed.message


def test_a_shard_whose_record_was_deleted_is_handed_out_again(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    deleted: list[str] = []

    def read(shard: Shard) -> State:
        publish(library, shard, list(shard.pages))
        return Completed()

    hand = Hand(client, pool, read)

    def delete_the_first() -> None:
        if not deleted:
            some = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
            for run in client.read_flow_runs(work_pool_filter=some):
                deleted.extend(run.parameters["shard"]["pages"])
                client.delete_flow_run(run.id)
        else:
            hand()

    [account] = dispatcher(client, library, pool).run(check=delete_the_first)
    assert deleted
    assert account.counts == {Status.DONE: PAGES}


def test_workers_that_lack_something_end_the_dispatch(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    hand = Hand(client, pool, lambda _: Failed(message="ModelError: no weights"))
    with pytest.raises(WarraqError, match="no weights"):
        dispatcher(client, library, pool).run(check=hand)
    assert statuses(library) == {"pending": PAGES}
    assert library.runs()[-1]["state"] == "interrupted"


def test_pages_of_a_cancelled_shard_go_on_waiting(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    hand = Hand(client, pool, lambda _: Cancelled())
    [account] = dispatcher(client, library, pool).run(check=hand)
    assert account.balanced
    assert account.already == {Status.PENDING: PAGES}


def test_an_interrupted_dispatch_takes_back_what_nobody_has_begun(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dispatcher(client, library, pool).run(check=interrupt)
    hand = Hand(client, pool, lambda _: Completed())
    hand()
    assert hand.shards == []


def test_what_waits_where_nobody_works_goes_elsewhere(
    client: SyncPrefectClient, library: Library, pool: str
) -> None:
    other = f"{pool}-other"
    ensure_reading(client, other)
    client.send_worker_heartbeat(pool, "dies at once", heartbeat_interval_seconds=1)

    def read(shard: Shard) -> State:
        publish(library, shard, list(shard.pages))
        return Completed()

    hand = Hand(client, other, read)

    def beat_and_read() -> None:
        client.send_worker_heartbeat(other, "lives", heartbeat_interval_seconds=1)
        hand()

    [account] = dispatcher(client, library, pool, other).run(check=beat_and_read)
    assert account.counts == {Status.DONE: PAGES}
    assert {page for shard in hand.shards for page in shard.pages} == {
        f"{document('book.tif').doc_id}-{number:05}" for number in range(1, PAGES + 1)
    }
