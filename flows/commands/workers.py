"""`warraq worker`, `warraq dispatch` and `warraq deploy`: reading on other machines, by way of a Prefect server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.commands.options import LIBRARY


@click.command()
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda, or cuda:N for one GPU of this machine.",
)
@click.option(
    "--pool",
    default="",
    help="The work pool to serve; made where it is missing. Default: archive-gpu-N for cuda:N, else archive-arabic.",
)
@click.option(
    "--limit", type=int, help="Workers that share this pool. Default: as it is; one where it is made."
)
@click.option(
    "--workers", default=0, show_default=True, help="Processes that prepare pages; 0: what fits the cores."
)
@click.option(
    "--silence",
    default=900.0,
    show_default=True,
    help="Seconds after which a reader that finishes nothing is taken to hang, and is killed.",
)
def worker(device: str, pool: str, limit: int | None, workers: int, silence: float) -> None:
    """Read pages that others hand out (`warraq dispatch`, `warraq run --pool`).

    One process for one GPU: it keeps its models and reads one shard after the other, until it is told to end. Needs a
    Prefect server (PREFECT_API_URL), and the library and its sources under the same paths as those who hand out.
    """
    from flows.commands.validated import validated
    from flows.local_prefect import configure
    from ocr_core.config import WorkerSettings

    settings = validated(
        WorkerSettings, "worker", device=device, pool=pool, limit=limit, workers=workers, silence_s=silence
    )
    configure()
    from flows.shards.pools import connect, ensure_reading
    from flows.shards.worker import work

    with connect() as client:
        ensure_reading(client, settings.pool_name, limit=settings.limit)
    work(settings, lambda text: click.echo(f"{settings.pool_name}: {text}", err=True))


@click.command()
@LIBRARY
@click.option(
    "--pool", "pools", multiple=True, help="A pool of workers; again for more. Default: every pool there is."
)
@click.option(
    "--arabic",
    type=click.Choice(["auto", "vlm", "crnn"]),
    help="What the workers read Arabic with; 'auto': the best that each has. Default: as the library's warraq.toml says "
    "of the collection, else auto.",
)
@click.option("--upgrade", is_flag=True, help="Also pages that a weaker engine read.")
@click.option(
    "--shard-pages", default=500, show_default=True, help="Pages handed to a worker at a time, at most."
)
@click.option("--json", "as_json", is_flag=True, help="The accounts as JSON lines on stdout.")
def dispatch(
    library: Path, pools: tuple[str, ...], arabic: str | None, upgrade: bool, shard_pages: int, as_json: bool
) -> int:
    """Have workers read the Arabic pages that wait in a library (`warraq run --arabic defer`)."""
    from flows.commands.validated import validated
    from flows.local_prefect import configure
    from flows.progress import CountedProgress
    from flows.summary import print_summary
    from ocr_core.library import Library
    from ocr_core.pipeline.shards import DispatchSettings

    settings = validated(
        DispatchSettings,
        "dispatch",
        library=library.absolute(),
        pools=() if "all" in pools else pools,
        arabic=arabic,
        upgrade=upgrade,
        shard_pages=shard_pages,
    )
    Library.open(settings.library)
    configure()
    from flows.shards.dispatch import hand_out

    with CountedProgress("reading elsewhere", "pages") as progress:
        accounts = hand_out(settings, progress.at)
    for account in accounts:
        if as_json:
            click.echo(json.dumps(account, ensure_ascii=False))
        print_summary(account, settings.library)
    if not accounts:
        click.echo("No Arabic page waits in this library.", err=True)
    return max((10 if account["failed"] else 0 for account in accounts), default=0)


@click.command()
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=Path("deploy/prefect.yaml"),
    show_default=True,
    help="What to deploy, as Prefect describes it.",
)
@click.option("--check", is_flag=True, help="Only check the file; no server is asked.")
def deploy(path: Path, check: bool) -> None:
    """Make work pools, deployments and schedules on the Prefect server. May be done again after every change.

    To be started from the folder that holds the flows, the repository's root.
    """
    from flows.local_prefect import configure

    configure()
    from flows.deployments import make_deployments, make_pools, read_deployments
    from flows.shards.pools import connect

    deployments = read_deployments(path)
    if not check:
        with connect() as client:
            pools = make_pools(client, deployments)
        make_deployments(path)
        click.echo(f"work pools: {', '.join(pools)}", err=True)
    for deployment in deployments:
        when = ", ".join(schedule["cron"] for schedule in deployment.get("schedules", [])) or "on demand"
        click.echo(f"{deployment['name']}\t{deployment['work_pool']['name']}\t{when}")
