#!/usr/bin/env python3
"""Search on a large library made of real text with a reader's errors: times, recall, size, cost of indexing.

    python bench/search.py TEXT ... [--lines N] [--queries N] [--folder DIR] [--seed N]

TEXT are folders of PAGE or ALTO files, Parquet files with a column `text`, or plain text files. Lines are windows of the
running text with errors put in (none in two of five lines, 2 to 15 % of the characters in the others). The library is
made below --folder and deleted at the end. Prints, for each kind of query, milliseconds in a process that keeps its
searcher: the first time a query is asked and when it is asked again, hits with text, marks and word boxes included; the
processor's share tells what a busy machine makes of it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import process
from rapidfuzz.distance import OSA

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ocr_core.ground_truth import read_page
from ocr_core.library import Library
from ocr_core.library.folding import fold
from ocr_core.library.parquet import SORT_KEYS
from ocr_core.library.schemas import SCHEMAS
from ocr_core.search.index import upkeep
from ocr_core.search.search import Searcher, search

LINES_A_PAGE = 25
LINES_A_FILE = 250_000
ERROR_RATES = (0.0, 0.0, 0.02, 0.05, 0.15)
LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهويةىأإء"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT")
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=40, help="of each kind")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to make the library; by default in /tmp"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    streams = [words for text in options.texts for words in running_text(text)]
    say(f"{sum(map(len, streams))} words of real text")
    place = Path(tempfile.mkdtemp(prefix="warraq-bench-", dir=options.folder))
    try:
        library = Library.create(place / "library")
        clock = time.perf_counter()
        for number in range(0, options.lines, LINES_A_FILE):
            publish(library, streams, rng, number, min(LINES_A_FILE, options.lines - number))
        say(f"{options.lines} lines made in {time.perf_counter() - clock:.0f} s")
        measure(library, streams, rng, options.queries)
    finally:
        shutil.rmtree(place)


def measure(library: Library, streams: list[list[str]], rng: random.Random, count: int) -> None:
    """All figures of a library without an index.

    Args:
        count: queries of each kind.
    """
    files = library.snapshot().files("lines")
    lines = sum(f.rows for f in files)
    say(f"{lines} lines, {sum(f.bytes for f in files) / lines:.0f} B each in the library")
    full, report = timed(lambda: upkeep.update(library))
    tokens = library.reading(lambda con: con.execute("SELECT sum(words) FROM lines").fetchall())[0][0]
    say(
        f"full build: {full[0]:.1f} s (processor {full[1]:.1f});"
        f" {report.bytes / lines:.1f} B a line, {report.segments} segments, {tokens} words"
    )

    rounds = []
    for _ in range(3):
        publish(library, streams, rng, lines, max(lines // 100, 1))
        lines += max(lines // 100, 1)
        added, report = timed(lambda: upkeep.update(library))
        rounds.append((100 * added[0] / full[0], 100 * added[1] / full[1], added[0], report.lines))
    share, processor, seconds, more = sorted(rounds)[1]
    say(
        f"1 % more ({more} lines): {seconds:.2f} s, {share:.1f} % of the full build (processor {processor:.1f} %),"
        f" median of {len(rounds)}"
    )

    texts = library.reading(lambda con: con.execute("SELECT line_id, text_search FROM lines").fetchall())
    occurrences = Counter(word for _, text in texts for word in text.split())
    say(f"{len(occurrences)} different words")
    queries = make_queries(streams, occurrences, rng, count)
    times(library, queries)
    recall(library, texts, occurrences, rng, count // 2)


def times(library: Library, queries: dict[str, list[str]]) -> None:
    opening, _ = timed(lambda: search(library, queries["term"][0]))
    say(
        f"one question with a searcher of its own: {1000 * opening[0]:.0f} ms (processor {1000 * opening[1]:.0f})"
    )
    searcher = Searcher(library)
    searcher.search("opening")
    say("kind\tfirst time: median  95 %  processor\tagain: median  95 %  processor\thits of 20")
    for kind, asked in queries.items():
        rounds = [[timed(lambda query=query: searcher.search(query)) for query in asked] for _ in range(2)]
        hits = statistics.mean(len(found) for _, found in rounds[0])
        say("\t".join([kind, *(milliseconds([spent for spent, _ in one]) for one in rounds), f"{hits:.1f}"]))


def milliseconds(spent: list[tuple[float, float]]) -> str:
    """Median and 95th percentile on the clock, median of the processor."""
    clock, processor = (sorted(1000 * seconds for seconds in column) for column in zip(*spent, strict=True))
    late = clock[int(0.95 * len(clock))]
    return f"{statistics.median(clock):.1f}  {late:.1f}  {statistics.median(processor):.1f}"


def recall(
    library: Library, texts: list[tuple[str, str]], occurrences: Counter[str], rng: random.Random, count: int
) -> None:
    """Lines found through words with errors, against a look at every word of every line."""
    vocabulary = list(occurrences)
    searcher = Searcher(library)
    real = [word for word, n in occurrences.items() if n >= 20 and len(word) >= 5]
    for edits in (1, 2):
        asked = {misspelt(rng.choice(real), edits, rng): None for _ in range(count)}
        near: dict[str, set[str]] = {}
        for word in asked:
            far = process.cdist([word], vocabulary, scorer=OSA.distance, score_cutoff=edits)[0]
            near[word] = {vocabulary[i] for i in np.flatnonzero(far <= edits)}
        every = set().union(*near.values())
        lines: dict[str, set[str]] = {}
        for line_id, text in texts:
            for word in every.intersection(text.split()):
                lines.setdefault(word, set()).add(line_id)
        expected = {
            word: set().union(*(lines[w] for w in near[word])) if near[word] else set() for word in asked
        }
        found = {word: {line for line, _, _ in searcher.rank(f"{word}~{edits}")} for word in asked}
        right = sum(len(expected[word] & found[word]) for word in asked)
        say(
            f"words with {edits} wrong: recall {right / sum(map(len, expected.values())):.4f},"
            f" precision {right / sum(map(len, found.values())):.4f}"
            f" ({len(asked)} words, {sum(map(len, expected.values()))} lines by full scan)"
        )


def make_queries(
    streams: list[list[str]], occurrences: Counter[str], rng: random.Random, count: int
) -> dict[str, list[str]]:
    words = [w for stream in streams for w in fold(" ".join(stream)).split() if len(w) > 2]
    common = [word for word, _ in occurrences.most_common(count)]
    pairs = []
    while len(pairs) < count:
        stream = rng.choice(streams)
        at = rng.randrange(max(len(stream) - 2, 1))
        pairs.append(f'"{" ".join(stream[at : at + 2])}"')
    long = [w for w in words if len(w) >= 5]
    return {
        "term": rng.sample(words, count),  # as often as they occur in running text
        "most common": common,
        "two terms": [" ".join(rng.sample(words, 2)) for _ in range(count)],
        "phrase": [pair for pair in pairs if fold(pair)],
        "prefix": [rng.choice(long)[: rng.choice((3, 4, 5))] + "*" for _ in range(count)],
        "fuzzy ~1": [rng.choice(long) + "~1" for _ in range(count)],
        "fuzzy ~2": [rng.choice(long) + "~2" for _ in range(count)],
        "misspelt": [misspelt(rng.choice(long), 1, rng) + "xq" for _ in range(count)],
        "OR, -, filter": [
            f"{rng.choice(words)} OR {rng.choice(words)} -{rng.choice(common)} conf>0.7" for _ in range(count)
        ],
    }


def running_text(path: Path) -> Iterator[list[str]]:
    if path.is_dir():
        pages = sorted(path.rglob("*.xml"))
        yield [word for page in pages for line in read_page(page).lines for word in line.text.split()]
        for file in sorted(path.glob("*.parquet")):
            yield from running_text(file)
    elif path.suffix == ".parquet":
        texts = pq.read_table(path, columns=["text"])["text"].to_pylist()
        yield [word for text in texts for word in (text or "").split()]
    else:
        yield path.read_text("utf-8").split()


def publish(library: Library, streams: list[list[str]], rng: random.Random, first: int, count: int) -> None:
    """`count` lines as pages of documents of their own, in one file."""
    streams = [stream for stream in streams if len(stream) > 20]
    weights = list(itertools.accumulate(len(stream) for stream in streams))
    shapes = [[100 + 80 * i + rng.randrange(9) for i in range(12)] for _ in range(256)]
    collection, run = f"collection {first // LINES_A_FILE % 3}", f"run-{first:09d}"
    at = datetime.now(UTC)
    rows: dict[str, list[Any]] = {name: [] for name in SCHEMAS["lines"].names}
    pages: dict[str, list[Any]] = {name: [] for name in SCHEMAS["pages"].names}
    for order in range(count):
        if order % LINES_A_PAGE == 0:
            doc = f"{rng.getrandbits(256):064x}"
            path = f"box {first // 10_000}/folder {order // 5_000}/page_{first + order:08d}.jpg"
        stream = rng.choices(streams, cum_weights=weights)[0]
        start = rng.randrange(len(stream) - 14)
        words = noised(" ".join(stream[start : start + rng.randint(5, 13)]), rng).split()
        text = " ".join(words)
        arabic = any("\u0600" < c < "\u0700" for c in text)
        page = f"{doc}-00001"
        known = {
            "page_id": page, "doc_id": doc, "collection": collection, "source_path": path, "page_number": 1,
            "script": "arabic" if arabic else "latin", "engine": "crnn-arabic" if arabic else "crnn-latin",
            "engine_version": "1", "model_sha256": "ab" * 32, "run_id": run, "created_at": at,
        }  # fmt: skip
        top = 100 + 60 * (order % LINES_A_PAGE)
        xs = rng.choice(shapes)
        edges = [100 + 90 * i for i in range(len(words))]
        folded = fold(text)
        line = known | {
            "line_id": f"{page}-{order % LINES_A_PAGE:04d}", "line_order": order % LINES_A_PAGE,
            "x0": 100, "y0": top, "x1": 1100, "y1": top + 50, "region": "text",
            "polygon_x": xs + xs[::-1], "polygon_y": [top + (x & 7) for x in xs + xs],
            "baseline_x": xs, "baseline_y": [top + 35] * 12, "direction": "rtl" if arabic else "ltr",
            "script_confidence": 0.9, "hand": "", "text": text, "text_search": folded, "words": len(folded.split()),
            "confidence": rng.betavariate(9, 2), "flags": [], "word_text": words,
            "word_confidence": [0.9] * len(words), "word_x0": edges, "word_y0": [top] * len(words),
            "word_x1": [x + 80 for x in edges], "word_y1": [top + 50] * len(words),
        }  # fmt: skip
        for name, values in rows.items():
            values.append(line[name])
        if order % LINES_A_PAGE == 0:
            row = known | {"status": "done", "lines": LINES_A_PAGE, "fingerprint": "f"}
            for name, values in pages.items():
                values.append(row.get(name))
    tables = {}
    for name, columns in (("lines", rows), ("pages", pages)):
        table = pa.table(columns, schema=SCHEMAS[name])
        tables[name] = table.sort_by([(key, "ascending") for key in SORT_KEYS[name]])
    library.publish_tables(run, collection, tables)


def noised(text: str, rng: random.Random) -> str:
    wrong = round(rng.expovariate(1) * rng.choice(ERROR_RATES) * len(text))
    for _ in range(wrong):
        text = with_error(text, rng)
    return text


def misspelt(word: str, edits: int, rng: random.Random) -> str:
    while True:
        changed = word
        for _ in range(edits):
            changed = with_error(changed, rng)
        if len(fold(changed).split()) == 1:
            return fold(changed)


def with_error(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    letters = ARABIC if "\u0600" < text[at] < "\u0700" else LATIN
    kind = rng.random()
    if kind < 0.6:
        return text[:at] + rng.choice(letters) + text[at + 1 :]
    if kind < 0.8:
        return text[:at] + text[at + 1 :] or text
    if kind < 0.95:
        return text[:at] + rng.choice(letters) + text[at:]
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def timed(call: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds on the clock and of the processor, and the answer."""
    clock, processor = time.perf_counter(), time.process_time()
    answer = call()
    return (time.perf_counter() - clock, time.process_time() - processor), answer


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
