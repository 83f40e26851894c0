"""The main job: from folders and PDFs to a searchable library."""

from __future__ import annotations

from typing import Any

from prefect import flow

from ocr_core.config import RunSettings
from tasks.digitize import discover, finish, load_models, plan_run, prepare_batch, publish_batch, read_batch
from tasks.run import open_run


@flow(name="digitize", persist_result=False, validate_parameters=True)
def digitize(settings: RunSettings) -> dict[str, Any]:
    """Digitise `settings.sources` into `settings.library`; the account of every page, as plain data.

    Running it again does only what is missing. Pages that fail are recorded and do not stop the others.
    """
    with open_run(settings) as run:
        discover(run.id)
        if plan_run(run.id):
            load_models(run.id)
            for batch in run.open_batches():
                prepare_batch(run.id, batch)
                read_batch(run.id, batch)
                publish_batch(run.id, batch)
        finish(run.id)
        return run.account.as_dict()
