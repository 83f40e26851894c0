"""A process that publishes pages whose content is known, until it is done or killed.

python -m tests.library.writer publish LIBRARY RUN FIRST LAST    acknowledges each batch on stdout
python -m tests.library.writer compact LIBRARY SECONDS           compacts again and again
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from ocr_core.library import Library
from tests.library.make import document, result

BATCH = 3
GRACE = timedelta(seconds=20)


def texts(number: int, run_id: str) -> list[str]:
    """What `run_id` reads on page `number`: one to five lines."""
    return [f"page {number} line {order} run {run_id}" for order in range(1 + number % 5)]


def publish(path: str, run_id: str, first: int, last: int) -> None:
    library = Library.create_or_open(path)
    print("ready", flush=True)
    for start in range(first, last, BATCH):
        numbers = range(start, min(start + BATCH, last))
        documents = [document(f"{number:06d}.png") for number in numbers]
        results = [
            result(d.page(1), *texts(number, run_id)) for d, number in zip(documents, numbers, strict=True)
        ]
        library.publish(run_id, "c", documents=documents, results=results)
        print(numbers[-1], flush=True)


def compact(path: str, seconds: float) -> None:
    library = Library.create_or_open(path)
    print("ready", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        print(library.compact(grace=GRACE).merged, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["publish", path, run_id, first, last]:
            publish(path, run_id, int(first), int(last))
        case ["compact", path, seconds]:
            compact(path, float(seconds))
