#!/usr/bin/env python3
"""How long a worker stands idle between two shards that wait for it, on a Prefect server of this process.

    python bench/shards.py --shards 12
    python bench/shards.py --shards 12 --beside ../other-checkout     the worker of another version too, in turns

The shards have no page left to read, so that all time is overhead: from the end of one flow run to the start of the next, by
the server's clock. The worker holds its process all the time; its start, before the first shard, is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=int, default=12, help="shards that wait for each worker (12)")
    parser.add_argument("--beside", type=Path, help="the root of another version of Warraq")
    options = parser.parse_args()
    from flows import local_prefect

    local_prefect.configure()
    for service in ("EVENT_PERSISTER", "TRIGGERS"):  # which lock SQLite at times
        os.environ[f"PREFECT_SERVER_SERVICES_{service}_ENABLED"] = "false"
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300), tempfile.TemporaryDirectory() as folder:
        for name, root in (("this version", ROOT), (str(options.beside), options.beside)):
            if root:
                idle = measured(root, Path(folder) / f"{len(str(root))}", options.shards)
                low, _, high = statistics.quantiles(idle, n=4)
                print(
                    f"{name}: idle between shards {statistics.median(idle):.2f} s (quartiles {low:.2f} and {high:.2f})"
                )


def measured(root: Path, folder: Path, shards: int) -> list[float]:
    """Seconds from the end of each shard to the start of the next."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.settings import PREFECT_API_URL

    from flows.shards.pools import ensure_reading, readings
    from ocr_core.config import RunSettings
    from ocr_core.library import Library
    from ocr_core.pipeline.engines import settled_for
    from ocr_core.pipeline.shards import Shard
    from tests.library.make import document, result

    library = Library.create(folder)
    settings = RunSettings(sources=(Path("/in"),), library=library.root)
    page = document("page.png").page(1)
    fingerprint = min(settled_for(settings).fingerprints)
    library.publish(
        "r1",
        "default",
        documents=[document("page.png")],
        results=[result(page, "text", fingerprint=fingerprint)],
    )
    shard = Shard(settings=settings, run_id="r2", pages=(page.page_id,))
    pool = f"bench-{folder.name}"
    with get_client(sync_client=True) as client:
        ensure_reading(client, pool)
        [deployment] = readings(client, [pool])
        told = {"shard": shard.model_dump(mode="json")}
        wanted: list[UUID] = [
            client.create_flow_run_from_deployment(deployment.id, parameters=told).id for _ in range(shards)
        ]
        environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": str(root)}
        command = [sys.executable, "-m", "flows", "worker", "--device", "cpu", "--pool", pool]
        worker = subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.DEVNULL)
        try:
            while True:
                time.sleep(1)
                runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=wanted)))
                if all(run.state and run.state.is_final() for run in runs):
                    break
        finally:
            worker.terminate()
            worker.wait()
    if any(not run.state or not run.state.is_completed() for run in runs):
        raise SystemExit("a shard was not read")
    spans = sorted((run.start_time, run.end_time) for run in runs if run.start_time and run.end_time)
    return [(after - end).total_seconds() for (_, end), (after, _) in pairwise(spans)]


if __name__ == "__main__":
    main()
