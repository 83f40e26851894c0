"""Options that the commands of `warraq audit` share."""

from __future__ import annotations

from pathlib import Path

import click

LIBRARY = click.option("--library", required=True, type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
