#!/usr/bin/env python3
"""Pages a second of the whole pipeline, beside Tesseract on the same pages, in one run.

    python bench/pipeline.py FOLDER [--limit N] [--no-tesseract] [--prefect]

Prints wall seconds, pages/s, seconds by stage and the peak memory of all processes together (proportional set size,
so that shared pages count once). Tesseract runs single-threaded, page after page and then one process a
core. With --prefect the same work is also done by calling the functions directly, which shows what Prefect costs.
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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".jp2"}


def measure(command: Sequence[str]) -> tuple[float, float, str]:
    """Run a command; (wall seconds, peak MiB of its process tree, stdout)."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not done.wait(0.3):
            total = 0
            for p in [root, *_children(root)]:
                try:
                    total += p.memory_full_info().pss
                except psutil.Error:
                    continue
            peak = max(peak, total / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode not in (0, 10):
        sys.exit(f"{' '.join(command)} ended with code {process.returncode}")
    return time.perf_counter() - started, peak, out


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
    from ocr_core.config import RunSettings
    from tasks.digitize import (
        discover,
        finish,
        load_models,
        plan_run,
        prepare_batch,
        publish_batch,
        read_batch,
    )
    from tasks.run import open_run

    with open_run(
        RunSettings.model_validate({"sources": [source], "library": library, "decoding": decoding})
    ) as run:
        discover.fn(run.id)
        if plan_run.fn(run.id):
            load_models.fn(run.id)
            for batch in run.open_batches():
                for step in (prepare_batch, read_batch, publish_batch):
                    step.fn(run.id, batch)
        finish.fn(run.id)
        print(json.dumps(run.account.as_dict()))


def report(name: str, seconds: float, pages: int, peak: float | None = None) -> None:
    memory = f"   peak memory {peak:7.0f} MiB" if peak is not None else ""
    print(f"{name:<28}{seconds:8.1f} s {pages / seconds:8.2f} pages/s{memory}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="page images")
    parser.add_argument("--limit", type=int, default=40, help="use the first N pages (default 40)")
    parser.add_argument("--repeat", type=int, default=1, help="link each page in N times under other bytes")
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
        source = work / "pages"
        source.mkdir()
        for copy in range(args.repeat):
            for page in chosen:
                target = source / f"{copy:03d}_{page.name}"
                shutil.copy(page, target)
                if copy:  # other bytes, same picture: else the copies would be one document
                    with target.open("ab") as f:
                        f.write(copy.to_bytes(4, "big"))
        pages = len(chosen) * args.repeat
        print(f"{pages} pages, {cores} cores")
        warraq = str(Path(sys.executable).with_name("warraq"))
        seconds, peak, out = measure(
            [warraq, "run", str(source), "--library", str(work / "library"), "--json"]
        )
        account = json.loads(out)
        report("warraq run", seconds, pages, peak)
        total = sum(account["seconds"].values())
        for stage, spent in account["seconds"].items():
            print(
                f"    {stage:<24}{spent:8.1f} s of work {100 * spent / total:5.1f} %  {spent / pages:6.3f} s a page"
            )
        ends = " + ".join(str(account[status]) for status in ("done", "blank", "failed", "pending"))
        print(f"    accounted: {account['discovered']} = {ends}")
        if args.prefect:
            me = [
                sys.executable,
                str(Path(__file__).resolve()),
                str(source),
                "--direct",
                str(work / "library2"),
            ]
            bare, bare_peak, _ = measure(me)
            report("the same without Prefect", bare, pages, bare_peak)
            print(f"    Prefect costs {100 * (seconds / bare - 1):.1f} %")
        if not args.no_tesseract:
            if not shutil.which("tesseract"):
                sys.exit(
                    "tesseract is not installed: sudo apt-get install tesseract-ocr, or use --no-tesseract"
                )
            for workers in sorted({1, cores}):
                peer = tesseract(sorted(source.iterdir()), workers)
                report(f"tesseract, {workers} at a time", peer, pages)
                print(f"    warraq reads {peer / seconds:.2f} times as many pages a second")


if __name__ == "__main__":
    main()
