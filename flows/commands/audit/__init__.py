"""`warraq audit`."""

from __future__ import annotations

import click

from flows.commands.audit.results import drift, import_, report
from flows.commands.audit.sample import sample, size
from flows.commands.group import Group


@click.group(cls=Group)
def audit() -> None:
    """Prove how well a library is read: draw lines, have people transcribe them, report error rates, watch for drift."""


for command in (size, sample, import_, report, drift):
    audit.add_command(command)
