"""The tasks of the digitize flow. Each is handed a run's id and at most a batch number; see `tasks.run`."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ocr_core.errors import LibraryError
from ocr_core.library import Library
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.engines import settled_for
from ocr_core.pipeline.plan import make_plan, survey
from ocr_core.records import Failure
from ocr_core.search.index import upkeep
from tasks.run import Progress, get_run

log = logging.getLogger(__name__)

BATCHES_BETWEEN_COMPACTIONS = 128

# Inputs are not hashed and results not stored: they are ids, and the work itself is in the library.
PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="discover", **PLAIN)
def discover(run_id: str) -> int:
    """Find and open every source file; the number of documents."""
    run = get_run(run_id)
    if run.survey is None:
        run.progress.stage("looking at the sources")
        run.survey = survey(run.settings)
    return len(run.survey.documents)


@task(name="plan", retries=2, retry_delay_seconds=2, **PLAIN)
def plan_run(run_id: str) -> int:
    """Choose the pages that the library lacks, and publish what is already known; the number of pages to do."""
    run = get_run(run_id)
    assert run.survey is not None
    if run.plan is None:
        run.plan = make_plan(run.survey, run.settings, run.library, settled_for(run.settings))
    run.account = Account(run.id, run.plan.discovered, Counter(run.plan.already), started=run.account.started)
    run.account.add(list(run.plan.failures))
    run.library.publish(
        run.id,
        run.settings.collection,
        documents=run.plan.to_record,
        failures=run.plan.failures,
        run=run.record("running"),
    )
    return run.plan.pages_to_do


@task(name="load models", **PLAIN)
def load_models(run_id: str) -> None:
    run = get_run(run_id)
    assert run.plan is not None
    run.progress.stage("loading the models")
    run.workshop.wait_for_models()
    run.progress.start(run.account, run.plan.pages_to_do)


@task(name="prepare", **PLAIN)
def prepare_batch(run_id: str, number: int) -> int:
    """Wait for the processes that read files, clean pages and cut lines; the number of pages."""
    return get_run(run_id).batches[number].prepared.result()


@task(name="read", **PLAIN)
def read_batch(run_id: str, number: int) -> int:
    """Wait for the engines; the number of pages."""
    return len(get_run(run_id).batches[number].results.result())


@task(name="publish", retries=3, retry_delay_seconds=[1, 5, 20], **PLAIN)
def publish_batch(run_id: str, number: int) -> None:
    """Put the batch into the library, all of it or nothing; only then it counts."""
    run = get_run(run_id)
    results = run.batches[number].results.result()
    run.library.publish(
        run.id,
        run.settings.collection,
        results=[result for result in results if not isinstance(result, Failure)],
        failures=[result for result in results if isinstance(result, Failure)],
    )
    del run.batches[number]
    run.account.add(results)
    run.progress.update(run.account, results)
    if run.settings.compact and (number + 1) % BATCHES_BETWEEN_COMPACTIONS == 0:
        # Thousands of small files would slow every reader down long before a long run ends.
        try:
            run.library.compact(min_files=BATCHES_BETWEEN_COMPACTIONS // 2)
        except Exception as error:
            # No reason to publish the batch again; the end of the run compacts, and tells.
            log.warning("the library was not compacted: %s", error)


@task(name="finish", retries=3, retry_delay_seconds=[1, 5, 20], **PLAIN)
def finish(run_id: str) -> None:
    """Record the sums of the run, tidy the library and bring its search index up to date."""
    run = get_run(run_id)
    run.library.publish(run.id, run.settings.collection, run=run.record("completed"))
    tidy(run.library, run.progress, compact=run.settings.compact)


def tidy(library: Library, progress: Progress, *, compact: bool = True) -> None:
    """What a library wants after many small publications."""
    if compact:
        progress.stage("compacting the library")
        library.compact()
    progress.stage("indexing")
    try:
        upkeep.update(library)
    except LibraryError as error:  # the pages are safe, and a search reads along what the index lacks
        log.warning("%s", error)
