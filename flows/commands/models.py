"""`warraq models`."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

from flows.commands.group import Group


@click.group(cls=Group)
def models() -> None:
    """The register of models: what is there, what each is good for, whether its file is sound."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_models(as_json: bool) -> None:
    """Every model Warraq knows, with licence and figures."""
    from dataclasses import asdict

    from ocr_core.models import cards
    from ocr_core.models.remote import REMOTE, pulled_cards

    here = [*cards(), *pulled_cards()]
    for card in here:
        if as_json:
            click.echo(json.dumps(asdict(card), ensure_ascii=False))
            continue
        figures = ", ".join(f"{figure.name} {figure.value:.4g}" for figure in card.figures)
        click.echo(f"{card.name}\t{card.version}\t{card.licence}\t{figures}")
    for model in REMOTE.values():
        if model.name in {card.name for card in here}:
            continue
        if as_json:
            click.echo(json.dumps({**asdict(model), "pulled": False}, ensure_ascii=False))
        else:
            how = f"not here: warraq models pull {model.name} ({model.megabytes} MB)"
            click.echo(f"{model.name}\t-\t{model.licence}\t{how}")


@models.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True),
    help="A file or folder with the model, instead of downloading it.",
)
@click.option(
    "--characters",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Text file with the characters in the order of the outputs, where the model's file has none.",
)
@click.option("--force", is_flag=True, help="Also if it is here already.")
def pull(name: str, source: Path | None, characters: Path | None, force: bool) -> None:
    """Bring a published model onto this machine, convert it once, and record its sha256."""
    from ocr_core.models.remote import pulled_cards, remote_model
    from ocr_core.recognizers.register import pull_reader

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every attempt, twice
    remote_model(name)
    here = [card for card in pulled_cards() if card.name == name]
    if here and not force and source is None:
        click.echo(f"{name}\t{here[0].sha256}\talready here")
        return
    table = characters.read_text("utf-8").rstrip("\r\n") if characters else None
    card = pull_reader(name, source, table)
    click.echo(f"{name}\t{card.sha256}\tpulled")


@models.command()
@click.argument("name")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--format", "format_", type=click.Choice(["onnx"]), default="onnx", show_default=True)
def export(name: str, out: Path, format_: str) -> None:
    """Write a packaged line reader for other runtimes: lines of any width, any number of them at a time."""
    from ocr_core.recognizers.crnn.onnx_export import export_onnx

    export_onnx(name, out)
    click.echo(out)


@models.command()
@click.option("--json", "as_json", is_flag=True)
def verify(as_json: bool) -> int:
    """Check the sha256 of every model file that is here."""
    from ocr_core.errors import ModelError
    from ocr_core.models import WEIGHTS, cards, verified_path
    from ocr_core.models.remote import models_folder, pulled_cards, verified_folder

    code = 0
    folders = [(card, WEIGHTS) for card in cards()]
    folders += [(card, models_folder() / card.name) for card in pulled_cards()]
    for card, folder in folders:
        try:
            verified_path(card.name, folder)
            if folder != WEIGHTS and card.kind == "qwen-vl":  # weights in many files
                verified_folder(card.name)
            problem = ""
        except ModelError as error:
            problem, code = str(error), error.exit_code
        if as_json:
            click.echo(json.dumps({"name": card.name, "sha256": card.sha256, "problem": problem}))
        else:
            click.echo(f"{card.name}\t{problem or 'sound'}")
    return code
