"""Groups of commands whose help can be read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class Group(click.Group):
    """A group that lists its commands with whole first sentences, in the order given, under headings where it has any."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headings: dict[str, list[str]] = {}

    def add_under(self, headings: Mapping[str, Sequence[click.Command]]) -> None:
        for heading, commands in headings.items():
            for command in commands:
                self.add_command(command)
                self._headings.setdefault(heading, []).append(command.name or "")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for heading, names in (self._headings or {"Commands": list(self.commands)}).items():
            with formatter.section(heading):
                rows = [(n.ljust(width), self.commands[n].get_short_help_str(limit=1000)) for n in names]
                formatter.write_dl(rows)
