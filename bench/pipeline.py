#!/usr/bin/env python3
"""Pages a second of the whole pipeline, beside Tesseract on the same pages, in one run.

    python bench/pipeline.py FOLDER [--limit N] [--repeat N] [--no-tesseract] [--prefect]

Prints wall seconds of the whole command, pages/s, processor seconds and peak memory of all its processes (proportional
set size, so that shared pages count once), and seconds by stage. Tesseract runs single-threaded, page after page and
then one process a core. With --prefect the same functions are also called directly, by a process that does not even
import Prefect, on all pages and on one: the difference is what Prefect costs, and what it costs once for a run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".jp2"}
SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Measured:
    """A command that has ended.

    Attributes:
        seconds: wall clock of the whole command.
        cpu: processor seconds of its processes, but for the last tenth of a second of each.
        server_cpu: of them, those of Prefect's server.
        peak: most memory at a time, in MiB.
    """

    seconds: float
    cpu: float
    server_cpu: float
    peak: float
    out: str


def measure(command: Sequence[str | Path], environment: dict[str, str]) -> Measured:
    started = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    cpu: dict[int, float] = {}
    servers: set[int] = set()
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        looks = 0
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            looks += 1
            total = 0
            for p in [root, *_children(root)]:
                try:
                    times = p.cpu_times()
                    cpu[p.pid] = times.user + times.system
                    if "flows.prefect_server" in p.cmdline():
                        servers.add(p.pid)
                    if looks % 5 == 0:
                        total += p.memory_full_info().pss
                except psutil.Error:
                    continue
            peak = max(peak, total / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if process.returncode not in (0, 10):
        sys.exit(f"{' '.join(map(str, command))} ended with code {process.returncode}")
    return Measured(seconds, sum(cpu.values()), sum(cpu[pid] for pid in servers), peak, out)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def tesseract(pages: Sequence[Path], workers: int) -> float:
    """Wall seconds of reading all pages, `workers` at a time."""

    def read(page: Path) -> None:
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        subprocess.run(
            ["tesseract", str(page), "-", "-l", "eng"], check=True, capture_output=True, env=environment
        )

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, pages))
    return time.perf_counter() - started


def direct(source: Path, library: Path, decoding: str) -> None:
    """The flow's own steps without Prefect."""
    plain: Callable[..., Any] = lambda **_: lambda function: function  # noqa: E731
    sys.modules["prefect"] = SimpleNamespace(task=plain)  # type: ignore[assignment]
    sys.modules["prefect.cache_policies"] = SimpleNamespace(NO_CACHE=None)  # type: ignore[assignment]
    from flows.local_prefect import importing
    from ocr_core.config import RunSettings
    from tasks import digitize as do
    from tasks.run import open_run

    settings = RunSettings.model_validate({"sources": [source], "library": library, "decoding": decoding})
    with open_run(settings) as run:
        do.discover(run.id)
        if do.plan_run(run.id):
            with importing():
                do.load_models(run.id)
            for batch in run.open_batches():
                do.prepare_batch(run.id, batch)
                do.read_batch(run.id, batch)
                do.publish_batch(run.id, batch)
        do.finish(run.id)
        print(json.dumps(run.account.as_dict()))


def copies(pages: Sequence[Path], folder: Path, repeat: int) -> Path:
    """A folder with each page `repeat` times: other bytes, same picture, else they would be one document."""
    folder.mkdir()
    for copy in range(repeat):
        for page in pages:
            target = folder / f"{copy:03d}_{page.name}"
            target.write_bytes(page.read_bytes() + (copy.to_bytes(4, "big") if copy else b""))
    return folder


class Commands:
    """The two ways to digitise a folder, each into a new library."""

    def __init__(self, work: Path, decoding: str) -> None:
        self._work, self._decoding = work, decoding
        self._environment = {"PREFECT_HOME": str(work / "prefect")}
        self._libraries = 0

    def warraq(self, source: Path) -> Measured:
        program = Path(sys.executable).with_name("warraq")
        options = ["--library", self._library(), "--decoding", self._decoding, "--json"]
        return measure([program, "run", source, *options], self._environment)

    def direct(self, source: Path) -> Measured:
        options = ["--direct", self._library(), "--decoding", self._decoding]
        return measure([sys.executable, Path(__file__).resolve(), source, *options], self._environment)

    def _library(self) -> Path:
        self._libraries += 1
        return self._work / f"library{self._libraries}"


def report(name: str, seconds: float, pages: int, measured: Measured | None = None) -> None:
    more = f"   CPU {measured.cpu:7.1f} s   peak memory {measured.peak:6.0f} MiB" if measured else ""
    print(f"{name:<28}{seconds:8.1f} s {pages / seconds:8.2f} pages/s{more}")


def report_prefect(
    whole: Measured, bare: Measured, one: Measured, bare_one: Measured, first: Measured
) -> None:
    for what, more, less in (("all pages", whole, bare), ("one page", one, bare_one)):
        wall, cpu = more.seconds - less.seconds, more.cpu - less.cpu
        print(
            f"    Prefect on {what}: wall {less.seconds:.1f} + {wall:.1f} s ({100 * wall / less.seconds:+.1f} %),"
            f" CPU {less.cpu:.1f} + {cpu:.1f} s ({100 * cpu / less.cpu:+.1f} %; its server {more.server_cpu:.1f} s)"
        )
    print(f"    the first run of all, which builds Prefect's database: {first.seconds:.1f} s on one page")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="page images")
    parser.add_argument("--limit", type=int, default=40, help="use the first N pages (default 40)")
    parser.add_argument("--repeat", type=int, default=1, help="take each page N times under other bytes")
    parser.add_argument("--decoding", choices=["beam", "greedy"], default="beam")
    parser.add_argument("--no-tesseract", action="store_true")
    parser.add_argument(
        "--prefect", action="store_true", help="also run without Prefect and print the difference"
    )
    parser.add_argument("--direct", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.direct:
        direct(args.folder, args.direct, args.decoding)
        return

    chosen = sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in IMAGES)[: args.limit]
    if not chosen:
        sys.exit(f"no page images in {args.folder}")
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        commands = Commands(work, args.decoding)
        one = copies(chosen[:1], work / "one", 1)
        first = commands.warraq(one)  # of all runs with this Prefect home
        source = copies(chosen, work / "pages", args.repeat)
        pages = len(chosen) * args.repeat
        print(f"{pages} pages, {cores} cores")
        whole = commands.warraq(source)
        account = json.loads(whole.out)
        report("warraq run", whole.seconds, pages, whole)
        total = sum(account["seconds"].values())
        for stage, spent in account["seconds"].items():
            print(
                f"    {stage:<24}{spent:8.1f} s of work {100 * spent / total:5.1f} %  {spent / pages:6.3f} s a page"
            )
        ends = " + ".join(str(account[status]) for status in ("done", "blank", "failed", "pending"))
        print(f"    accounted: {account['discovered']} = {ends}")
        if args.prefect:
            bare = commands.direct(source)
            report("the same without Prefect", bare.seconds, pages, bare)
            report_prefect(whole, bare, commands.warraq(one), commands.direct(one), first)
        if not args.no_tesseract:
            if not shutil.which("tesseract"):
                sys.exit(
                    "tesseract is not installed: sudo apt-get install tesseract-ocr, or use --no-tesseract"
                )
            for workers in sorted({1, cores}):
                peer = tesseract(sorted(source.iterdir()), workers)
                report(f"tesseract, {workers} at a time", peer, pages)
                print(f"    warraq reads {peer / whole.seconds:.2f} times as many pages a second")


if __name__ == "__main__":
    main()
