"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

LIBRARY = click.option(
    "--library", required=True, type=click.Path(path_type=Path), help="The folder of the library."
)
