"""Options that the commands of `warraq audit` share."""

from __future__ import annotations

import click

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
