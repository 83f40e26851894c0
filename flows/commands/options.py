"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FC = TypeVar("FC", bound=Callable[..., Any])

LIBRARY_VARIABLE = "WARRAQ_LIBRARY"


def library_option(help: str, *, required: bool = True) -> Callable[[FC], FC]:
    """`--library`, which the environment may give."""
    return click.option(
        "--library",
        required=required,
        type=click.Path(path_type=Path),
        envvar=LIBRARY_VARIABLE,
        show_envvar=True,
        help=help,
    )


LIBRARY = library_option("The folder of the library.")
