"""A shard in the process that reads it, whose models stay loaded for the next one, which is begun before it is taken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from prefect import task

from ocr_core.config import RunSettings
from ocr_core.library import Library
from ocr_core.pipeline.engines import load_reader, settled_for
from ocr_core.pipeline.plan import Plan
from ocr_core.pipeline.read import PageReader
from ocr_core.pipeline.shards import Shard, plan_shard
from tasks.digitize import PLAIN
from tasks.run import HeadStart, NoProgress, Progress, Run, get_run, head_start, open_run
from tasks.workshop import Workshop

log = logging.getLogger(__name__)

# Settings that change nothing about the models.
_INDIFFERENT: dict[str, Any] = {
    "sources": (),
    "library": Path(),
    "collection": "",
    "pages": "",
    "workers": 0,
    "batch_pages": 1,
    "page_timeout_s": 1.0,
    "upgrade": False,
    "compact": False,
}


@dataclass(frozen=True)
class Place:
    """What the machine decides, and not whoever sends the shard.

    Attributes:
        device: as in `RunSettings`.
        workers: processes that prepare pages; 0: what fits the cores.
        progress: told whenever something has been done.
        next_shard: the shard that is likely to come next, where one waits.
    """

    device: str = "auto"
    workers: int = 0
    progress: Progress = field(default_factory=NoProgress)
    next_shard: Callable[[], Shard | None] = lambda: None


place: ContextVar[Place] = ContextVar("place", default=Place())  # noqa: B039 (nothing in it changes)


@contextmanager
def open_shard(shard: Shard) -> Iterator[Run]:
    """Hold what reading this shard needs, until it is read.

    Raises:
        LibraryError: this machine does not see the library.
        MissingDependency: this machine lacks an engine that the shard asks for by name.
    """
    here = place.get()
    begun = _taken()
    mine = None
    try:
        settings, plan = _planned(shard, here)
        if begun and (begun.settings, begun.plan) == (settings, plan):
            mine, begun = begun.workshop, None
    finally:
        if begun:  # it went to somebody else, or is not what it was
            begun.workshop.close()
    if mine is None and plan.pages_to_do:
        mine = Workshop(settings, plan, kept_reader, 1 if shard.singly else None)
    if mine is not None and not shard.singly:
        mine.when_all_is_begun(partial(_begin_next, here, settings))
    head_start.set(HeadStart(here.progress, plan=plan, workshop=mine))
    with open_run(settings, run_id=shard.run_id) as run:
        yield run


def _planned(shard: Shard, here: Place) -> tuple[RunSettings, Plan]:
    settings = shard.settings.model_copy(update={"device": here.device, "workers": here.workers})
    library = Library.open(settings.library)
    return settings, plan_shard(library, shard, settled_for(settings))


@dataclass(frozen=True)
class _Begun:
    """Work on a shard that nobody has given us yet. It is published when it is; if it never is, it is thrown away."""

    settings: RunSettings
    plan: Plan
    workshop: Workshop


_next: list[Future[_Begun | None]] = []


def _begin_next(here: Place, settings: RunSettings) -> None:
    """Begin the next shard while the models still read the last pages of this one: they find no pause between the two."""
    future: Future[_Begun | None] = Future()
    _next.append(future)
    Thread(target=lambda: future.set_result(_begun(here, settings)), daemon=True).start()


def _begun(here: Place, current: RunSettings) -> _Begun | None:
    """The next shard, begun, if it needs no other models and is not read page by page to find one that ends its reader."""
    try:
        shard = here.next_shard()
        if shard is None or shard.singly:
            return None
        settings, plan = _planned(shard, here)
        if not plan.pages_to_do or _of_models(settings) != _of_models(current):
            return None
        return _Begun(settings, plan, Workshop(settings, plan, kept_reader))
    except Exception as error:  # whoever is given the shard meets the same, and says so
        log.info("the next shard could not be begun: %s", error)
        return None


def _taken() -> _Begun | None:
    """What was begun last, once."""
    found = [future.result() for future in _next]
    _next.clear()
    return found[-1] if found else None


@task(name="take up", **PLAIN)
def take_up(run_id: str) -> int:
    """Record pages whose files are gone; the number of pages to read."""
    run = get_run(run_id)
    assert run.plan is not None
    run.library.publish(run.id, run.settings.collection, failures=run.plan.failures)
    return run.plan.pages_to_do


_loading = Lock()


def kept_reader(settings: RunSettings, *, threads: int) -> PageReader:
    """The reader for these settings: the one of the shard before, if it was read alike."""
    with _loading:  # two shards at once must not load it twice
        return _load(_of_models(settings), threads)


def _of_models(settings: RunSettings) -> RunSettings:
    return settings.model_copy(update=_INDIFFERENT)


@lru_cache(maxsize=1)
def _load(settings: RunSettings, threads: int) -> PageReader:
    _load.cache_clear()  # two large models might not find room beside each other
    return load_reader(settings, threads=threads)
