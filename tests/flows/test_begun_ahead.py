"""A reader begins the shard that waits behind the one it reads: nothing of it counts before it is given to the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from ocr_core.config import ArabicEngine, RunSettings
from ocr_core.library import Library
from ocr_core.pipeline.shards import Shard, waiting
from ocr_core.records import Failure, Status
from tasks import shard as shards
from tasks.shard import Place, open_shard, place
from tasks.workshop import Workshop
from tests.conftest import PATIENCE_S
from tests.library.make import deferred


@pytest.fixture
def library(samples: Path, tmp_path: Path) -> Library:
    """Three small Arabic pages that wait."""
    (tmp_path / "in").mkdir()
    [scan] = (samples / "arabic").glob("*وهران*")
    with Image.open(scan) as page:
        for number in range(3):
            top = 120 + 300 * number
            page.crop((0, top, page.width, top + 220)).save(tmp_path / "in" / f"{number}.png")
    made = Library.create(tmp_path / "library")
    deferred(made, tmp_path / "in")
    return made


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    yield
    if begun := shards._taken():
        begun.workshop.close()


def read(shard: Shard, coming: Shard | None) -> tuple[Workshop, int]:
    """Read a shard while another one waits; the workshop it was read in, and how many pages."""

    def waits() -> Shard | None:
        return coming

    place.set(Place("cpu", 1, next_shard=waits))
    with open_shard(shard) as run:
        pages = 0
        for number in run.open_batches():
            results = run.batches[number].results.result(timeout=PATIENCE_S)
            done = [result for result in results if not isinstance(result, Failure)]
            run.library.publish(run.id, run.settings.collection, results=done)
            pages += len(done)
        return run.workshop, pages


def states(library: Library, pages: list[str]) -> list[Status]:
    found = library.page_states(pages=pages)
    return [found[page].status for page in pages]


def test_the_next_shard_is_read_before_it_is_given_and_counts_only_then(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(settings, pages)] = waiting(library, ArabicEngine.CRNN)
    one, two, three = (Shard(settings=settings, run_id=f"run{n}", pages=(p,)) for n, p in enumerate(pages))
    loaded: list[object] = []
    load: Callable[..., object] = shards.load_reader
    monkeypatch.setattr(shards, "load_reader", lambda *a, **k: loaded.append(1) or load(*a, **k))
    shards._load.cache_clear()

    _, count = read(one, coming=two)
    assert count == 1
    [future] = shards._next
    begun = future.result(timeout=PATIENCE_S)
    assert begun is not None
    ahead = begun.workshop._ahead[0].results.result(timeout=PATIENCE_S)  # though nobody gave it to us
    assert len(ahead) == 1
    assert states(library, pages) == [Status.DONE, Status.PENDING, Status.PENDING]

    workshop, count = read(two, coming=three)
    assert workshop is begun.workshop and count == 1
    assert states(library, pages) == [Status.DONE, Status.DONE, Status.PENDING]
    assert loaded == [1]  # the models, once for all


def test_what_went_to_another_reader_is_thrown_away(library: Library) -> None:
    [(settings, pages)] = waiting(library, ArabicEngine.CRNN)
    one, two, three = (Shard(settings=settings, run_id=f"run{n}", pages=(p,)) for n, p in enumerate(pages))
    read(one, coming=two)
    begun = shards._next[0].result(timeout=PATIENCE_S)
    assert begun is not None
    workshop, count = read(three.model_copy(update={"singly": True}), coming=two)
    assert workshop is not begun.workshop and count == 1
    assert not begun.workshop._pool._pool.active
    assert (
        shards._next == []
    )  # page by page, to find one that ends its reader: nothing else must be under way
    other = settings.model_copy(update={"decoding": "greedy"})  # needs other models
    read(two, coming=one.model_copy(update={"settings": other}))
    assert shards._next[0].result(timeout=PATIENCE_S) is None
    assert states(library, pages) == [Status.DONE] * 3


def test_a_shard_that_cannot_be_begun_disturbs_nobody(library: Library) -> None:
    [(settings, pages)] = waiting(library, ArabicEngine.CRNN)
    gone = settings.model_copy(update={"library": library.root / "nowhere"})
    shard = Shard(settings=settings, run_id="run", pages=tuple(pages))
    _, count = read(shard, coming=Shard(settings=gone, run_id="other", pages=(pages[0],)))
    assert count == 3
    assert shards._next[0].result(timeout=PATIENCE_S) is None


def test_the_shard_that_waits_in_a_pool_is_seen_and_left_there(prefect_server: None, tmp_path: Path) -> None:
    from flows.shards.flow import FLOW
    from flows.shards.pools import connect, ensure_reading
    from flows.shards.reader import _waiting_in

    settings = RunSettings(sources=(tmp_path,), library=tmp_path / "library")
    first, second = (Shard(settings=settings, run_id=name, pages=("p-00001",)) for name in "ab")
    with connect() as client:
        ensure_reading(client, "seen", limit=1)
        assert _waiting_in("seen") is None
        reading = client.read_deployment_by_name(f"{FLOW}/seen")
        for shard in (first, second):
            client.create_flow_run_from_deployment(
                reading.id, parameters={"shard": shard.model_dump(mode="json")}
            )
        assert _waiting_in("seen") == _waiting_in("seen") == first
        assert _waiting_in("other") is None
