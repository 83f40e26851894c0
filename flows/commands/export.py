"""`warraq export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from flows.commands.options import LIBRARY
from flows.wording import counted

if TYPE_CHECKING:
    from ocr_core.exports import Summary

_FORMATS = ["txt", "jsonl", "csv", "alto", "page", "hocr", "tei", "pdf", "iiif"]
MOST_PROBLEMS_SHOWN = 20


@click.command()
@LIBRARY
@click.option(
    "--format",
    "format_",
    required=True,
    type=click.Choice(_FORMATS),
    help="What is written: docs/exports.md tells of each.",
)
@click.option(
    "--output",
    default="-",
    show_default=True,
    metavar="DIR|FILE|-",
    help="A folder, or one file, or - for standard output.",
)
@click.option("--collection", default=None, help="Only this collection.")
@click.option(
    "--document",
    "documents",
    multiple=True,
    metavar="PATH|ID",
    help="Only this document, by any path at which it was found; may be repeated.",
)
@click.option("--pages", default="", metavar="1-5,8", help="Only these pages of each document.")
@click.option(
    "--human",
    type=click.Choice(["none", "corrections", "all"]),
    help="Lines that people have written have their text. `none`: every line as the engine read it; `corrections`, `all`: "
    "only what people have written, without or with what was drawn for an audit.",
)
@click.option(
    "--images/--no-images",
    default=None,
    help="Copy the page images beside the files. Default: for iiif, which is of no use without.",
)
@click.option(
    "--base-url",
    default="http://localhost:8000",
    show_default=True,
    help="Where the folder will be served from (iiif).",
)
def export(
    library: Path,
    format_: str,
    output: str,
    collection: str | None,
    documents: tuple[str, ...],
    pages: str,
    human: Literal["none", "corrections", "all"] | None,
    images: bool | None,
    base_url: str,
) -> int:
    """Write pages of a library in a format that other programs and archives read.

    txt (a line for each line), jsonl (an object a page), csv (a row a line); alto, page, hocr: a file a page; tei, pdf
    (searchable, PDF/A), iiif: a file a document. In a folder, files are named after their sources. Exit code 10 if
    something could not be exported whole; it is named.
    """
    from flows.progress import CountedProgress
    from ocr_core.config import PageRange
    from ocr_core.errors import UsageError
    from ocr_core.exports import FORMATS, Destination, Options, Selection
    from ocr_core.exports import export as write
    from ocr_core.library import Library

    try:
        selection = Selection(collection, documents, PageRange(pages), human or "")
    except ValueError as error:
        raise UsageError(f"--pages: {error}.", remedy="See `warraq export --help`.") from None
    chosen = FORMATS[format_]
    destination = Destination.of(output, chosen)
    to_stdout = destination == Destination()
    if to_stdout and chosen.binary and sys.stdout.isatty():
        raise UsageError(
            "That would fill the terminal with binary data.", remedy="Give --output FILE or DIR."
        )
    with CountedProgress("exporting", "pages") as progress:
        summary = write(
            Library.open(library.absolute()),
            chosen,
            destination,
            selection,
            Options(images, base_url),
            start=progress.start,
            advance=progress.advance,
        )
    _report(summary, output, to_stdout)
    return 10 if summary.problem_count else 0


def _report(summary: Summary, output: str, to_stdout: bool) -> None:
    from ocr_core.harmless import printable

    for what, why in summary.problems[:MOST_PROBLEMS_SHOWN]:
        click.echo(f"{printable(what)}: {printable(why)}", err=True)
    hidden = summary.problem_count - min(len(summary.problems), MOST_PROBLEMS_SHOWN)
    if hidden:
        click.echo(f"… and {hidden} more", err=True)
    if summary.waiting:
        click.echo(
            f"{counted(summary.waiting, 'page')} with lines without text, waiting for an engine.", err=True
        )
    if summary.failed:
        click.echo(
            f"{counted(summary.failed, 'failed page')} with nothing to export; `warraq status` lists them.",
            err=True,
        )
    pages, documents = counted(summary.pages, "page"), counted(summary.documents, "document")
    files = f"{counted(summary.files, 'file')} in " if Path(output).is_dir() else ""
    where = "" if to_stdout else f", {files}{printable(output)}"
    click.echo(f"{pages} of {documents}, {counted(summary.lines, 'line')}{where}", err=True)
