"""A shard in the process that reads it, whose models stay loaded for the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefect import task

from ocr_core.config import RunSettings
from ocr_core.library import Library
from ocr_core.pipeline.engines import load_reader, settled_for
from ocr_core.pipeline.read import PageReader
from ocr_core.pipeline.shards import Shard, plan_shard
from tasks.digitize import PLAIN
from tasks.run import HeadStart, NoProgress, Progress, Run, get_run, head_start, open_run
from tasks.workshop import Workshop

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
    """

    device: str = "auto"
    workers: int = 0
    progress: Progress = field(default_factory=NoProgress)


place: ContextVar[Place] = ContextVar("place", default=Place())  # noqa: B039 (nothing in it changes)


@contextmanager
def open_shard(shard: Shard) -> Iterator[Run]:
    """Hold what reading this shard needs, until it is read.

    Raises:
        LibraryError: this machine does not see the library.
        MissingDependency: this machine lacks an engine that the shard asks for by name.
    """
    here = place.get()
    settings = shard.settings.model_copy(update={"device": here.device, "workers": here.workers})
    library = Library.open(settings.library)
    plan = plan_shard(library, shard, settled_for(settings))
    together = 1 if shard.singly else None
    workshop = Workshop(settings, plan, kept_reader, together) if plan.pages_to_do else None
    head_start.set(HeadStart(here.progress, plan=plan, workshop=workshop))
    with open_run(settings, run_id=shard.run_id) as run:
        yield run


@task(name="take up", **PLAIN)
def take_up(run_id: str) -> int:
    """Record pages whose files are gone; the number of pages to read."""
    run = get_run(run_id)
    assert run.plan is not None
    run.library.publish(run.id, run.settings.collection, failures=run.plan.failures)
    return run.plan.pages_to_do


def kept_reader(settings: RunSettings, *, threads: int) -> PageReader:
    """The reader for these settings: the one of the shard before, if it was read alike."""
    return _load(settings.model_copy(update=_INDIFFERENT), threads)


@lru_cache(maxsize=1)
def _load(settings: RunSettings, threads: int) -> PageReader:
    _load.cache_clear()  # two large models might not find room beside each other
    return load_reader(settings, threads=threads)
