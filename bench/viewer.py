#!/usr/bin/env python3
"""The viewer on a large synthetic library: how long `warraq serve` takes to start, and each page to come.

    python bench/viewer.py [--pages N] [--lines N] [--files N] [--times N] [--folder DIR]

Half of the pages are documents of one page, half stand in documents of 500; each has --lines lines of invented words;
one in a hundred failed. The library is made below --folder and deleted at the end. Prints milliseconds of the whole
answer over HTTP, the first time and the median of further times with other documents and words, and the answer's size.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
import psutil
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ocr_core.library import Library, RunRecord
from ocr_core.library.parquet import SORT_KEYS
from ocr_core.library.schemas import SCHEMAS
from ocr_core.records import page_id
from ocr_core.search.index import upkeep

ROOT = Path(__file__).resolve().parents[1]
PAGES_OF_A_BOOK = 500
WORDS = [
    f"{a}{b}{c}"
    for a in ("gar", "or", "fer", "let", "mo")
    for b in ("den", "chi", "na", "ter")
    for c in ("", "d", "s", "ly")
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=10, help="of a page")
    parser.add_argument("--files", type=int, default=8, help="files of a data set in the library")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--folder", type=Path, default=None, help="by default in /tmp")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="warraq-bench-", dir=options.folder))
    try:
        started = time.perf_counter()
        library = make(place / "library", options.pages, options.lines, options.files)
        say(
            f"{options.pages} pages with {options.lines} lines each, made in {time.perf_counter() - started:.0f} s"
        )
        started = time.perf_counter()
        upkeep.update(library)
        say(f"indexed in {time.perf_counter() - started:.0f} s")
        measure(library, options.times)
    finally:
        shutil.rmtree(place)


def make(root: Path, pages: int, lines: int, files: int) -> Library:
    library = Library.create(root)
    books = pages // 2 // PAGES_OF_A_BOOK
    sizes = [PAGES_OF_A_BOOK] * books + [1] * (pages - books * PAGES_OF_A_BOOK)
    documents = sorted(
        (hashlib.sha256(str(n).encode()).hexdigest(), f"{n % 97:02d}/{n:07d}.tif", size)
        for n, size in enumerate(sizes)
    )
    begun = datetime.now(UTC)
    counts = {"discovered": pages, "done": pages - pages // 100, "failed": pages // 100}
    library.publish(
        "run-1", "archive", run=RunRecord("run-1", "archive", (), begun, begun, "completed", {}, "1", counts)
    )
    step = -(-len(documents) // files)
    for first in range(0, len(documents), step):
        tables = tables_of(documents[first : first + step], lines, begun, first)
        library.publish_tables("run-1", "archive", tables, at=begun)
    return library


def tables_of(
    documents: list[tuple[str, str, int]], lines: int, at: datetime, seed: int
) -> dict[str, pa.Table]:
    rng = np.random.default_rng(seed)
    placed = [(doc, path, number) for doc, path, size in documents for number in range(1, size + 1)]
    failed = placed[::100]
    read = [page for n, page in enumerate(placed) if n % 100]
    common: dict[str, Any] = {"collection": "archive", "run_id": "run-1", "created_at": at, "root": "/scans"}
    engine = {
        "engine": "bench",
        "engine_version": "1",
        "script": "latin",
        "media_type": "image/tiff",
        "direction": "ltr",
    }

    def page_columns(pages: list[tuple[str, str, int]]) -> dict[str, Any]:
        ids = [page_id(doc, number) for doc, _, number in pages]
        docs, paths, numbers = zip(*pages, strict=True)
        return {"page_id": ids, "doc_id": docs, "source_path": paths, "page_number": numbers}

    each = [page for page in read for _ in range(lines)]
    order = np.tile(np.arange(lines, dtype=np.int32), len(read))
    words = np.array(WORDS)[rng.integers(0, len(WORDS), (len(each), 8))]
    text = [" ".join(row) for row in words]
    tops = 100 + 100 * order
    boxes = {"x0": np.full(len(each), 100), "x1": np.full(len(each), 1900), "y0": tops, "y1": tops + 80}
    of_lines = page_columns(each)
    of_lines |= {
        "line_id": [f"{page}-{n:04d}" for page, n in zip(of_lines["page_id"], order, strict=True)],
        "line_order": order,
        "text": text,
        "text_search": text,
        "words": np.full(len(each), 8),
        "confidence": rng.random(len(each)),
        "polygon_x": [[100, 1899, 1899, 100]] * len(each),
        "polygon_y": [[y, y, y + 79, y + 79] for y in tops.tolist()],
    }
    chars = np.full(len(read), 60 * lines)
    of_pages = page_columns(read) | {
        "status": "done",
        "width": 2000,
        "height": 3000,
        "dpi": 300.0,
        "origin": "image",
    }
    of_pages |= {"lines": lines, "lines_read": lines, "chars": chars, "confidence": rng.random(len(read))}
    docs, paths, sizes = zip(*documents, strict=True)
    of_documents = {
        "doc_id": docs,
        "source_path": paths,
        "pages": sizes,
        "size_bytes": 1000,
        "copies": [[]] * len(docs),
    }
    of_documents["copy_roots"] = of_documents["copies"]
    of_failures = page_columns(failed) | {
        "stage": "read",
        "kind": "truncated",
        "message": "It ends early.",
        "remedy": "Scan it again.",
        "attempts": 1,
    }
    return {
        "documents": table("documents", of_documents | common | engine),
        "pages": table("pages", of_pages | common | engine),
        "lines": table("lines", of_lines | boxes | common | engine),
        "failures": table("failures", of_failures | common),
    }


def table(dataset: str, columns: dict[str, Any]) -> pa.Table:
    """A table of the data set's schema: single values are repeated, what is not given is NULL."""
    rows = len(next(iter(columns.values())))
    made = []
    for field in SCHEMAS[dataset]:
        value = columns.get(field.name)
        if value is None or isinstance(value, (str, int, float, datetime)):
            value = (
                pa.repeat(pa.scalar(value, field.type), rows)
                if value is not None
                else pa.nulls(rows, field.type)
            )
        made.append(pa.array(value, field.type) if not isinstance(value, pa.Array) else value)
    found = pa.Table.from_arrays(made, schema=SCHEMAS[dataset])
    return found.sort_by([(key, "ascending") for key in SORT_KEYS[dataset]])


def measure(library: Library, times: int) -> None:
    rng = random.Random(1)
    documents = library.reading(
        lambda con: con.sql(
            "SELECT doc_id, source_path, pages FROM documents ORDER BY source_path, doc_id"
        ).fetchall()
    )
    books = [doc for doc, _, pages in documents if pages > 1]

    def beside(_: int) -> str:
        doc, path, _pages = rng.choice(documents)
        return f"/collections/archive?after={quote(path)}&id={doc}"

    pages: dict[str, Callable[[int], str]] = {
        "first page": lambda n: "/",
        "collection": lambda n: "/collections/archive",
        "collection, anywhere": beside,
        "document, anywhere": lambda n: f"/documents/{rng.choice(books)}?first={rng.randrange(1, 450)}",
        "page": lambda n: f"/pages/{page_id(rng.choice(books), rng.randrange(2, 499))}",
        "page of one": lambda n: f"/pages/{page_id(rng.choice(documents)[0], 1)}",
        "search": lambda n: f"/search/hits?q={rng.choice(WORDS)}+{rng.choice(WORDS)}",
        "runs": lambda n: "/runs",
        "failures": lambda n: "/failures",
        "failures, anywhere": lambda n: f"/failures?after={rng.randrange(900)}",
    }
    started = time.perf_counter()
    command = [sys.executable, "-m", "flows", "serve", str(library.root), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        base = process.stdout.readline().strip().rstrip("/")
        say(f"address after {time.perf_counter() - started:.2f} s")
        say("page\tfirst ms\tmedian ms\t95 % ms\tkB")
        for name, address in pages.items():
            spent, size = zip(*(fetch(base + address(n)) for n in range(times + 1)), strict=True)
            rest = sorted(spent[1:])
            tail = rest[int(0.95 * (len(rest) - 1))]
            say(f"{name}\t{spent[0]:.0f}\t{statistics.median(rest):.0f}\t{tail:.0f}\t{max(size) / 1000:.0f}")
        say(f"memory {psutil.Process(process.pid).memory_info().rss / 2**20:.0f} MiB")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def fetch(address: str) -> tuple[float, int]:
    """Milliseconds and bytes of an answer."""
    started = time.perf_counter()
    with urlopen(Request(address), timeout=300) as answer:
        size = len(answer.read())
    return 1000 * (time.perf_counter() - started), size


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
