"""`warraq dismiss`."""

from __future__ import annotations

from pathlib import Path

import click

from flows.commands.options import LIBRARY
from flows.wording import counted


@click.command()
@click.argument("failures", nargs=-1, metavar="[FAILURE]…")
@LIBRARY
@click.option("--reason", required=True, help="Why they need no care; kept in the library with the time.")
@click.option("--missing", is_flag=True, help="All failures whose file is no longer in its folder.")
def dismiss(failures: tuple[str, ...], library: Path, reason: str, missing: bool) -> None:
    """Take failures that nobody will mend off the list, for instance of files that were deleted on purpose.

    FAILURE is a file, or a file and page number, as `status` prints them (letters/a.jpg, letters/b.pdf#3). Nothing is
    deleted: `status --json` lists what was dismissed, when and why. What fails again after that stands again.
    """
    from ocr_core.errors import UsageError
    from ocr_core.library import Library, dismissal
    from ocr_core.pipeline.gone import gone

    if missing == bool(failures):
        raise UsageError("Name failures, or say --missing.", remedy="`warraq status` lists the failures.")
    opened = Library.open(library.absolute())
    standing = dismissal.standing(opened)
    chosen = gone(opened, standing) if missing else []
    for name in failures:
        found = dismissal.named(standing, name)
        if not found:
            raise UsageError(
                f"{name} has not failed, or is dismissed already.",
                remedy="`warraq status` lists the failures.",
            )
        chosen += [row for row in found if row not in chosen]
    if chosen:
        dismissal.dismiss(opened, chosen, reason)
    for row in chosen:
        number = f"#{row['page_number']}" if row["page_number"] else ""
        click.echo(f"{row['source_path']}{number}\t{row['kind']}\tdismissed")
    click.echo(f"{counted(len(chosen), 'failure')} dismissed, {len(standing) - len(chosen)} left.", err=True)
