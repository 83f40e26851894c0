"""`warraq models`."""

from __future__ import annotations

import json

import click


@click.group()
def models() -> None:
    """The register of models: what is there, what each is good for, whether its file is sound."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_models(as_json: bool) -> None:
    """Every model Warraq knows, with licence and figures."""
    from dataclasses import asdict

    from ocr_core.models import cards

    for card in cards():
        if as_json:
            click.echo(json.dumps(asdict(card), ensure_ascii=False))
            continue
        figures = ", ".join(f"{figure.name} {figure.value:.4g}" for figure in card.figures)
        click.echo(f"{card.name}\t{card.version}\t{card.licence}\t{figures}")


@models.command()
@click.option("--json", "as_json", is_flag=True)
def verify(as_json: bool) -> int:
    """Check the sha256 of every model file that is here."""
    from ocr_core.errors import ModelError
    from ocr_core.models import cards, verified_path

    code = 0
    for card in cards():
        try:
            verified_path(card.name)
            problem = ""
        except ModelError as error:
            problem, code = str(error), error.exit_code
        if as_json:
            click.echo(json.dumps({"name": card.name, "sha256": card.sha256, "problem": problem}))
        else:
            click.echo(f"{card.name}\t{problem or 'sound'}")
    return code
