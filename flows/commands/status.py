"""`warraq status` and `warraq show`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.options import LIBRARY
from flows.reports import write_picture
from flows.tables import print_table
from flows.wording import counted

if TYPE_CHECKING:
    from ocr_core.library import Library


@click.command()
@LIBRARY
@click.option("--json", "as_json", is_flag=True, help="As one JSON object on stdout.")
def status(library: Path, as_json: bool) -> None:
    """What the library holds: pages by collection and status, what waits and why, what failed and what to do."""
    from ocr_core.library import Library
    from ocr_core.library import status as status_of
    from ocr_core.pipeline.gone import gone

    opened = Library.open(library.absolute())
    report = status_of(opened)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, default=str))
        return
    if not report["collections"] and not report["failures"]:
        click.echo(f"The library is empty. Fill it: warraq run SOURCE --library {shlex.quote(str(library))}")
        return
    columns = ("collection", "documents", "pages", "done", "blank", "pending", "failed", "lines")
    rows = [[str(row[name]) for name in columns] for row in report["collections"]]
    print_table(columns, rows, right=columns[1:])
    for row in report["pending"]:
        click.echo(f"pending: {counted(row['pages'], 'page')}. {row['reason']}")
    for row in report["failures"]:
        number = f"#{row['page_number']}" if row["page_number"] else ""
        click.echo(
            f"failed ({row['attempts']}×): {row['source_path']}{number} ({row['kind']}): {row['message']} {row['remedy']}"
        )
    place = shlex.quote(str(library))
    if report["failures"]:
        click.echo(f"Try them again: warraq retry --library {place}", err=True)
    if missing := gone(opened, report["failures"]):
        click.echo(
            f"{counted(len(missing), 'failure')} of files that are no longer there. If they are gone for good: "
            f"warraq dismiss --missing --library {place} --reason TEXT",
            err=True,
        )
    if report["dismissed"]:
        click.echo(f"{counted(len(report['dismissed']), 'failure')} dismissed: see --json", err=True)
    if last := report["last_run"]:
        click.echo(
            f"last run: {last['run_id']} {last['state']}, started {last['started_at']:%Y-%m-%d %H:%M} UTC",
            err=True,
        )


@click.command()
@click.argument("page")
@LIBRARY
@click.option(
    "--image", type=click.Path(path_type=Path), help="Also draw the page with its lines into this PNG file."
)
@click.option("--json", "as_json", is_flag=True, help="The page and its lines as one JSON object.")
def show(page: str, library: Path, image: Path | None, as_json: bool) -> None:
    """Show one page: its text line by line, as people have corrected it.

    PAGE is a file and page number (letters/a.jpg#1), also with a line as `search` prints it (letters/a.jpg#1:7), a page
    id, or the beginning of one.
    """
    from ocr_core.library import Library
    from ocr_core.library.written import as_written, place_of

    opened = Library.open(library.absolute())
    found = opened.page(page)
    if as_json:
        row = {"page": found.page, "lines": found.lines, "written": found.words}
        click.echo(json.dumps(row, ensure_ascii=False, default=str))
    else:
        words = {place_of(row): row for row in found.words}
        _print_page(found.page, [as_written(line, words.get(place_of(line))) for line in found.lines])
    if image:
        _draw(opened, found.page, found.lines, image)
        click.echo(f"wrote {image}", err=True)


def _print_page(page: dict[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    from ocr_core.harmless import printable
    from ocr_core.library.written import HUMAN

    confidence = f", confidence {page['confidence']:.2f}" if page["confidence"] is not None else ""
    people = sum(line["engine"] == HUMAN for line in lines)
    corrected = f", {people} written by people" if people else ""
    about = f"{page['status']}, {page['script']}, {counted(page['lines'], 'line')}{corrected}{confidence}"
    click.echo(f"{page['source_path']}#{page['page_number']}: {about}", err=True)
    if page["reason"]:
        click.echo(page["reason"], err=True)
    for line in lines:
        click.echo(printable(line["text"]))


def _draw(library: Library, page: dict[str, Any], lines: list[dict[str, Any]], target: Path) -> None:
    from ocr_core.pipeline.page_pictures import draw_page, read_again

    write_picture(target, draw_page(read_again(page, library.places), lines))
