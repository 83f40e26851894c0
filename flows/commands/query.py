"""`warraq sql` and `warraq search`: data on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("query")
@click.option("--library", required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("--timeout", default=30.0, show_default=True, help="Seconds after which the query is stopped.")
@click.option("--memory", default="1GiB", show_default=True, help="Memory the query may use.")
@click.option("--max-rows", default=100_000, show_default=True, help="Rows after which the answer is cut.")
def sql(query: str, library: Path, format_: str, timeout: float, memory: str, max_rows: int) -> None:
    """Ask the library in SQL (DuckDB). Tables: documents, pages, lines, failures, runs, ground_truth, audits.

    A query can read these and nothing else: no files, no writing.
    """
    from ocr_core.search.render import write_table
    from ocr_core.search.sql import run_sql

    answer = run_sql(library.absolute(), query, timeout_s=timeout, memory=memory, max_rows=max_rows)
    write_table(answer.table, format_, sys.stdout.buffer)
    if answer.truncated:
        click.echo(f"Only the first {max_rows} rows are shown; --max-rows raises the limit.", err=True)


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--library", required=True, type=click.Path(path_type=Path))
@click.option("--collection", default=None, help="Search this collection only.")
@click.option("--limit", default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a hit.")
def search(query: tuple[str, ...], library: Path, collection: str | None, limit: int, as_json: bool) -> None:
    """Find lines: terms (all must occur), "phrases", prefix*. Arabic spelling variants and accents are one.

    Exit code 0 whether or not something was found.
    """
    from dataclasses import asdict

    from ocr_core.library import Library
    from ocr_core.search.render import printable
    from ocr_core.search.search import search as find

    hits = find(Library.open(library.absolute()), " ".join(query), limit=limit, collection=collection)
    if as_json:
        for hit in hits:
            click.echo(json.dumps(asdict(hit), ensure_ascii=False))
        return
    for hit in hits:
        place = f"{hit.source_path}#{hit.page_number}:{hit.line_order + 1}"
        click.echo(f"{printable(place)}\t{hit.score:.2f}\t{_marked(printable(hit.snippet), hit.spans)}")
    if not hits:
        click.echo("Nothing was found.", err=True)


def _marked(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    """The snippet with its hits in bold on a terminal, plain elsewhere."""
    if not sys.stdout.isatty():
        return text
    out, last = [], 0
    for start, end in spans:
        out += [text[last:start], click.style(text[start:end], bold=True)]
        last = end
    return "".join([*out, text[last:]])
