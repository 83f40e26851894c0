"""`warraq models`."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.group import Group
from flows.tables import print_table

if TYPE_CHECKING:
    from ocr_core.models.overview import Model


@click.group(cls=Group)
def models() -> None:
    """The register of models: what is there, what each is good for, whether its file is sound."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Every card whole, one JSON object a model.")
def list_models(as_json: bool) -> None:
    """Every model Warraq knows: what it does, how large it is, its licence, and whether it is here."""
    from ocr_core.models.overview import known_models

    known = known_models()
    if as_json:
        for model in known:
            click.echo(json.dumps(_values(model), ensure_ascii=False))
        return
    header = ("model", "version", "kind", "parameters", "size", "is", "does", "licence")
    rows = [
        (
            model.name,
            model.card.version if model.card else "",
            model.kind,
            f"{model.card.parameters / 1e6:.2f} M" if model.card else "",
            _size(model.bytes),
            model.place,
            model.purpose,
            model.licence.partition(" (")[0],
        )
        for model in known
    ]
    print_table(
        header,
        rows,
        right=("version", "parameters", "size"),
        dispensable=("kind", "version", "parameters", "licence", "size"),
    )
    if any(model.place == "to pull" for model in known):
        click.echo("Pull one: warraq models pull MODEL", err=True)
    click.echo("Data, licences and figures of one: warraq models show MODEL", err=True)


@models.command()
@click.argument("name", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="The card as one JSON object.")
def show(name: str, as_json: bool) -> None:
    """The whole card of a model: what it was trained on, under which licences, how well it reads, its sha256."""
    from ocr_core.models.overview import known_model

    model = known_model(name)
    if as_json:
        click.echo(json.dumps(_values(model), ensure_ascii=False))
        return
    card, remote = model.card, model.remote
    facts = [
        ("model", f"{name} {card.version}" if card else name),
        ("does", model.purpose),
        ("kind", model.kind),
    ]
    facts += [("licence", model.licence), ("is", model.place), ("size", _size(model.bytes))]
    if remote:
        facts += [("published", f"{remote.repo}, revision {remote.revision}, on the Hugging Face hub")]
    if card:
        facts += [("parameters", f"{card.parameters:,}"), ("file", card.file), ("sha256", card.sha256)]
        if made := card.training:
            hours = f" ({made.hours:.3g} h)" if made.hours is not None else ""
            facts += [("trained by", made.command + hours), ("held out", made.held_out)]
        facts += [("setting", f"{key} = {value}") for key, value in card.settings]
    if notes := (card.notes if card else "") or (remote.notes if remote else ""):
        facts += [("notes", notes)]
    for key, value in facts:
        click.echo(f"{key}: {value}")
    if card and card.data:
        click.echo()
        print_table(("data", "licence", "source"), [(d.name, d.licence, d.source) for d in card.data])
    if card and card.figures:
        click.echo()
        figures = [(f.name, f"{f.value:.4g}", str(f.lines)) for f in card.figures]
        print_table(("figure", "value", "counted over"), figures, right=("value", "counted over"))
    if not card:
        click.echo(f"Pull it: warraq models pull {name}", err=True)


def _values(model: Model) -> dict[str, Any]:
    """The card of a model that is here, else what is known of it."""
    if model.card:
        return asdict(model.card)
    assert model.remote
    return {**asdict(model.remote), "pulled": False}


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


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
    from ocr_core.models.pulled import pulled_cards
    from ocr_core.models.remote import remote_model
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
@click.option(
    "--format",
    "format_",
    type=click.Choice(["onnx"]),
    default="onnx",
    show_default=True,
    help="What is written.",
)
def export(name: str, out: Path, format_: str) -> None:
    """Write a packaged line reader for other runtimes: lines of any width, any number of them at a time."""
    from ocr_core.recognizers.crnn.onnx_export import export_onnx

    export_onnx(name, out)
    click.echo(out)


@models.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a model.")
def verify(as_json: bool) -> int:
    """Check the sha256 of every model file that is here."""
    from ocr_core.errors import ModelError
    from ocr_core.models import WEIGHTS, cards, verified_path
    from ocr_core.models.pulled import models_folder, pulled_cards, verified_folder

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
