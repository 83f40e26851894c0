"""Reports and pictures that people ask for as files: there whole or not at all, in folders made where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from PIL.Image import Image


def write_report(path: Path, text: str) -> None:
    """Write a report, and say where it is."""
    with _whole(path) as out:
        out.write(text.encode())
    click.echo(f"The report is in {path}.", err=True)


def write_picture(path: Path, picture: Image) -> None:
    """Write a picture as PNG."""
    with _whole(path) as out:
        picture.save(out, format="PNG")


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    from ocr_core.exports.files import whole_file
    from ocr_core.library.durable import disk_errors

    with (
        disk_errors(path.parent, f"write {path.name}"),
        whole_file(path.parent, PurePosixPath(path.name)) as out,
    ):
        yield out
