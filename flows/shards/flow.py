"""What a worker does with a shard."""

from __future__ import annotations

from prefect import flow

from ocr_core.pipeline.shards import Shard
from tasks.digitize import load_models, prepare_batch, publish_batch, read_batch
from tasks.shard import open_shard, take_up

FLOW = "read-shard"


@flow(name=FLOW, persist_result=False, validate_parameters=True)
def read_shard(shard: Shard) -> int:
    """Read the pages of `shard` that have no result yet and publish them; how many there were.

    Whatever ends it, what was published counts: reading the shard again goes on from there.
    """
    with open_shard(shard) as run:
        if pages := take_up(run.id):
            load_models(run.id)
            for batch in run.open_batches():
                prepare_batch(run.id, batch)
                read_batch(run.id, batch)
                publish_batch(run.id, batch)
        return pages
