"""`warraq sql` and `warraq search`: data on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.options import LIBRARY
from flows.reports import write_picture
from flows.wording import counted

if TYPE_CHECKING:
    from ocr_core.library import Library
    from ocr_core.search.search import Hit


@click.command()
@click.argument("query")
@LIBRARY
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    default="table",
    show_default=True,
    help="How rows are written: a table to look at, or data.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds after which the query is stopped.",
)
@click.option("--memory", default="1GiB", show_default=True, help="Memory the query may use.")
@click.option(
    "--max-rows",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Rows after which the answer is cut.",
)
def sql(query: str, library: Path, format_: str, timeout: float, memory: str, max_rows: int) -> None:
    """Ask the library in SQL (DuckDB). Tables: documents, pages, lines, failures, runs, ground_truth, samples,
    audits, and search_lines('orchid* -rose') with the hits of a search. docs/sql.md has worked examples.

    A query can read these and nothing else: no files, no writing.
    """
    from ocr_core.search.sql.run import run_sql
    from ocr_core.search.tables import write_table

    answer = run_sql(library.absolute(), query, timeout_s=timeout, memory=memory, max_rows=max_rows)
    write_table(answer.table, format_, sys.stdout.buffer)
    if answer.truncated:
        click.echo(
            f"The answer was cut after {counted(max_rows, 'row')}; --max-rows raises the limit.", err=True
        )


class _Search(click.Command):
    """A command whose arguments may begin with a minus: `warraq search kew -orchid`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        excluded = [arg for arg in args if arg[:1] == "-" and arg[:2] != "--" and arg not in ("-", "-h")]
        rest = [arg for arg in args if arg not in excluded]
        return super().parse_args(ctx, [*rest, *(["--"] if "--" not in rest else []), *excluded])


@click.command(cls=_Search)
@click.argument("query", nargs=-1)
@LIBRARY
@click.option("--collection", default=None, help="Search this collection only.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Hits at most.")
@click.option(
    "--exact", is_flag=True, help="Let no errors pass, even where a word is not found as it is written."
)
@click.option(
    "--crops", type=click.Path(path_type=Path), help="Also cut the lines' pictures into this folder."
)
@click.option("--reindex", is_flag=True, help="Build the search index anew; the query may be left out.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a hit.")
def search(
    query: tuple[str, ...],
    library: Path,
    collection: str | None,
    limit: int,
    exact: bool,
    crops: Path | None,
    reindex: bool,
    as_json: bool,
) -> int:
    """Find lines: terms (all must occur), "phrases", prefix*, term~1, OR, -not, and the filters collection:,
    script:, engine:, page:, date:, conf>0.8. Arabic spelling variants and accents are one; a word that is found
    nowhere may have one or two wrong characters. docs/search.md tells more.

    Exit code 0 whether or not something was found; 5 where a line's picture could not be cut.
    """
    from dataclasses import asdict

    from ocr_core.library import Library
    from ocr_core.search.notes import notes
    from ocr_core.search.search import search as find

    opened = Library.open(library.absolute())
    if reindex:
        _reindex(opened)
        if not query:
            return 0
    text = " ".join(query)
    hits = find(opened, text, limit=limit, collection=collection, tolerant=not exact)
    pictures = _cut(opened, hits, crops) if crops else [None] * len(hits)
    for hit, picture in zip(hits, pictures, strict=True):
        if as_json:
            row = asdict(hit) | ({"crop": str(picture) if picture else None} if crops else {})
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            _print_hit(hit, picture)
    if not hits and not as_json:
        click.echo("Nothing was found.", err=True)
    for note in notes(opened, text, hits, collection=collection):
        click.echo(note, err=True)
    return 5 if crops and None in pictures else 0


def _reindex(library: Library) -> None:
    from time import monotonic

    from ocr_core.search.index import upkeep

    started = monotonic()
    report = upkeep.update(library, anew=True)
    assert report is not None  # it waits for its turn
    click.echo(
        f"{counted(report.lines, 'line')} indexed in {monotonic() - started:.1f} s, {report.bytes} bytes",
        err=True,
    )


def _cut(library: Library, hits: list[Hit], folder: Path) -> list[Path | None]:
    """The lines' pictures by place among the hits; what could not be cut is told and left out."""
    from ocr_core.pipeline.line_pictures import cut_lines

    cut = cut_lines(library, [(hit.page_id, hit.box) for hit in hits])
    paths: list[Path | None] = []
    for place, (hit, picture) in enumerate(zip(hits, cut, strict=True), start=1):
        if isinstance(picture, str):
            click.echo(picture, err=True)
            paths.append(None)
            continue
        path = folder / f"{place:03d}-{hit.doc_id[:8]}-{hit.page_number}-{hit.line_order + 1}.png"
        write_picture(path, picture)
        paths.append(path)
    return paths


def _print_hit(hit: Hit, picture: Path | None) -> None:
    """Place, collection, score (with the number of wrong characters, or that a person wrote the line), the line, its
    picture; parted by tabs."""
    from ocr_core.harmless import printable

    place = f"{hit.source_path}#{hit.page_number}:{hit.line_order + 1}"
    score = (
        f"{hit.score:.2f}" + (f"~{hit.edits}" if hit.edits else "") + (" human" if hit.transcriber else "")
    )
    cells = [printable(place), hit.collection, score, _marked(printable(hit.snippet), hit.spans)]
    click.echo("\t".join([*cells, *([str(picture)] if picture else [])]))


def _marked(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    """The snippet with its hits in bold on a terminal, plain elsewhere."""
    if not sys.stdout.isatty():
        return text
    out, last = [], 0
    for start, end in spans:
        out += [text[last:start], click.style(text[start:end], bold=True)]
        last = end
    return "".join([*out, text[last:]])
