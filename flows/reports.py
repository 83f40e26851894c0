"""Reports that people ask for as files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click


def write_report(path: Path, text: str) -> None:
    """Write a report, whole or not at all, in folders made where they are missing, and say where it is."""
    from ocr_core.exports.files import whole_file

    with whole_file(path.parent, PurePosixPath(path.name)) as out:
        out.write(text.encode())
    click.echo(f"The report is in {path}.", err=True)
