"""Small tables on stdout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Sequence

import click


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    dispensable: Sequence[str] = (),
) -> None:
    """Columns as wide as they need, parted by two spaces.

    Args:
        right: names of columns set to the right.
        dispensable: names of columns that a terminal too narrow for all goes without, the first named first.
    """
    columns = list(zip(header, *rows, strict=True))
    widths = {column[0]: max(map(len, column)) for column in columns}
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for name in dispensable:
        if room is None or sum(widths.values()) + 2 * (len(widths) - 1) <= room:
            break
        del widths[name]
    kept = [column for column in columns if column[0] in widths]
    for cells in zip(*kept, strict=True):
        padded = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, (name, width) in zip(cells, widths.items(), strict=True)
        ]
        click.echo("  ".join(padded).rstrip())
