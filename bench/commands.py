#!/usr/bin/env python3
"""Commands on large synthetic libraries: seconds on the clock and of the processor, and the most memory of the process.

    python bench/commands.py [--pages N ...] [--lines N] [--files N] [--folder DIR]

The libraries are those of bench/viewer.py, made below --folder and deleted at the end. With several sizes, ratios tell what
grows faster than the library does. Seconds include the start of Python; what commands print is thrown away.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.viewer import ROOT, WORDS, make, say

# `ru_maxrss` would tell of the process that started it, where that is larger.
WATCHED = """
import atexit, re, sys, time
from pathlib import Path
def tell():
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print("peak", peak, time.process_time(), file=sys.stderr)
atexit.register(tell)
from flows.cli import main
sys.argv[0] = "warraq"
main()
"""
COMMANDS = {
    "status": ("status",),
    "status --json": ("status", "--json"),
    "search --reindex": ("search", "--reindex"),
    "search, two terms": ("search", WORDS[3], WORDS[50]),
    "search, phrase": ("search", f'"{WORDS[3]} {WORDS[50]}"'),
    "show PATH": ("show", "00/0000000.tif#7"),
    "export jsonl": ("export", "--format", "jsonl"),
    "export txt": ("export", "--format", "txt"),
    "export one document": ("export", "--format", "txt", "--document", "00/0000000.tif"),
    "sql, a count": ("sql", "SELECT engine, count(*) FROM lines GROUP BY engine"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--lines", type=int, default=10, help="of a page")
    parser.add_argument("--files", type=int, default=8, help="files of a data set in a library")
    parser.add_argument("--folder", type=Path, default=None, help="by default in /tmp")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="warraq-bench-", dir=options.folder))
    try:
        say("pages\tcommand\tseconds\tprocessor\tpeak MiB")
        for pages in options.pages:
            library = place / str(pages)
            make(library, pages, options.lines, options.files)
            for name, arguments in COMMANDS.items():
                spent, processor, peak = measured([*arguments, "--library", str(library)])
                say(f"{pages}\t{name}\t{spent:.1f}\t{processor:.1f}\t{peak:.0f}")
            shutil.rmtree(library)
    finally:
        shutil.rmtree(place)


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock and of the processor, and MiB, of a command."""
    started = time.perf_counter()
    command = [sys.executable, "-c", WATCHED, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    spent = time.perf_counter() - started
    *said, last = done.stderr.splitlines()
    if done.returncode or not last.startswith("peak "):
        raise SystemExit("\n".join([" ".join(arguments), *said, last]))
    _, peak, processor = last.split()
    return spent, float(processor), int(peak) / 1024


if __name__ == "__main__":
    main()
