"""`warraq train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flows.commands.group import Group
from flows.reports import write_report


@click.group(cls=Group)
def train() -> None:
    """Train the packaged networks anew, or your own."""


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every training of a network."""
    for option in (
        click.option(
            "--folder",
            type=click.Path(path_type=Path),
            help="Folder of the run: checkpoint, metrics, weights, model card.",
        ),
        click.option(
            "--data", type=click.Path(path_type=Path), help="Folder that the paths of the data start from."
        ),
        click.option(
            "--config",
            required=True,
            type=click.Path(path_type=Path),
            help="TOML file: data, network, schedule; or the name of a packaged model: its recipe.",
        ),
    ):
        command = option(command)
    return command


@train.command()
@_run_options
def crnn(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train a line reader (CNN, BiLSTM, CTC) on PAGE, ALTO, Parquet or *.gt.txt ground truth.

    Started again after any interruption, it goes on where it was. At the end the folder of the run holds the
    weights, a model card, the curves (HTML) and the table of metrics (CSV); `warraq eval --engine WEIGHTS` measures
    them. A configuration that goes on from the packaged weights with pages of your own:

    \b
        name = "my-reader"
        data = "my-letters"           # a folder of PAGE or ALTO files with their images
        [run]
        folder = "runs/my-reader"
        [network]
        init = "crnn-latin"
        [schedule]
        steps = 2000
        peak = 5e-4
        [[corpora]]
        name = "letters"
        path = "."
        format = "pages"              # or "lines" (*.png with *.gt.txt), or "parquet"
        document = '^(.+)_\\d+$'       # what of a page's name tells its document; whole documents are held out
        dev_fraction = 0.1
    """
    import logging

    from ocr_core.training.crnn.config import load_config
    from ocr_core.training.crnn.train import train_crnn

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    settings = load_config(config, data=data, folder=folder)
    train_crnn(settings)
    click.echo(settings.run.folder / f"{settings.name}-{settings.version}.safetensors")


@train.command()
@_run_options
def trocr(config: Path, data: Path | None, folder: Path | None) -> None:
    """Fine-tune TrOCR on PAGE, ALTO, Parquet, *.gt.txt or Imgur5K ground truth.

    Started again after any interruption, it goes on after its last finished epoch, every tensor restored. It stops when
    the error rate on held-out lines has not fallen for some epochs. Prints the folder of the best model, which
    `warraq eval --engine` and `warraq run --english` take as it is.
    """
    import logging

    from ocr_core.training.settings import load_settings
    from ocr_core.training.trocr.config import TrocrSettings
    from ocr_core.training.trocr.train import train_trocr

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    click.echo(train_trocr(load_settings(TrocrSettings, config, data=data, folder=folder)))


@train.command("qwen-lora")
@_run_options
def qwen_lora(config: Path, data: Path | None, folder: Path | None) -> None:
    """Fine-tune Qwen-VL on lines of PAGE, ALTO, Parquet or *.gt.txt ground truth, and on whole pages of PAGE and ALTO, by
    low-rank adapters (LoRA). The configuration's `learn` chooses.

    Started again after any interruption, it goes on after its last finished epoch. At the end the folder of the run holds
    the model with its adapters added in, which `warraq eval --engine` and `warraq run --vlm model=FOLDER` take as it is, and
    its card. Wants a GPU of 24 GB or more for a model of 3 billion parameters.
    """
    import logging

    from ocr_core.training.qwen.config import QwenLoraSettings
    from ocr_core.training.qwen.train import train_qwen_lora
    from ocr_core.training.settings import load_settings

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    click.echo(train_qwen_lora(load_settings(QwenLoraSettings, config, data=data, folder=folder)))


@train.command()
@_run_options
def glyphs(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train a reader of isolated Arabic letters and digits on labelled pictures (NumPy archives, AHCD's CSV files).

    Started again after any interruption, it goes on after its last finished epoch. At the end the folder of the run
    holds the weights, a model card, the confusion report (HTML) and the metrics of every epoch.
    """
    import logging

    from ocr_core.training.glyphs.config import GlyphSettings
    from ocr_core.training.glyphs.train import train_glyphs
    from ocr_core.training.settings import load_settings

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    click.echo(train_glyphs(load_settings(GlyphSettings, config, data=data, folder=folder)))


@train.command()
@_run_options
def layout(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train the line finder's network on pages with PAGE or ALTO files.

    Started again after any interruption, it goes on where it was. With every evaluation the folder of the run gets
    the weights (ONNX) and a model card.
    """
    import logging

    from ocr_core.training.layout.config import LayoutTrainSettings
    from ocr_core.training.layout.train import train_layout
    from ocr_core.training.settings import load_settings

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    train_layout(load_settings(LayoutTrainSettings, config, data=data, folder=folder))


@train.command()
@_run_options
def orientation(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train the network that tells which way up pages lie, on the pages that the line finder learns from.

    Started again after any interruption, it goes on where it was. At the end the folder of the run gets the weights
    (ONNX) and a model card.
    """
    import logging

    from ocr_core.training.layout.config import OrientationTrainSettings
    from ocr_core.training.orientation.train import train_orientation
    from ocr_core.training.settings import load_settings

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    train_orientation(load_settings(OrientationTrainSettings, config, data=data, folder=folder))


@train.command()
@_run_options
def script(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train the network that tells scripts, and handwriting from print, on real Latin and synthetic Arabic lines.

    Started again after any interruption, it goes on where it was. At the end the folder of the run gets the weights and a
    model card.
    """
    import logging

    from ocr_core.training.script.config import ScriptTrainSettings
    from ocr_core.training.script.train import train_script
    from ocr_core.training.settings import load_settings

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    train_script(load_settings(ScriptTrainSettings, config, data=data, folder=folder))


@train.command()
@click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="TOML file: corpora, order, shares."
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that the corpora's paths start from.")
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write the model and its card to.",
)
@click.option(
    "--reader", help="Also measure this packaged reader with the model, and calibrate its confidence."
)
def ngram(config: Path, data: Path | None, folder: Path, reader: str | None) -> None:
    """Make a character language model of the transcripts that a line reader is trained on.

    Documents that the reader's configuration holds out are left out here too.
    """
    import logging

    from ocr_core.training.language.train import load_ngram_config, train_ngram

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    settings = load_ngram_config(config)
    card = train_ngram(settings, folder, data)
    if reader is not None:
        from ocr_core.audit.evaluation.language import measure_language_model
        from ocr_core.training.crnn.config import load_config

        logging.getLogger("ocr_core.audit").setLevel(logging.INFO)
        measure_language_model(card, reader, load_config(settings.corpora, data=data))
    click.echo(card)


@train.command()
@click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of `train crnn`: its corpora are looked at."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="With --config, the folder its paths start from; without, the data itself: a Parquet file, or a folder.",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report with pictures here."
)
def inspect(config: Path | None, data: Path | None, html: Path | None) -> None:
    """Report on a data set: lines, lengths, sizes, characters, outliers."""
    from ocr_core.errors import UsageError
    from ocr_core.training.crnn.config import load_config
    from ocr_core.training.data.inspection import corpora_of, inspect_corpora, report_html, report_text

    if config is not None:
        settings = load_config(config, data=data)
        report = inspect_corpora(settings.corpora, settings.data)
    elif data is not None:
        report = inspect_corpora(corpora_of(data), Path())
    else:
        raise UsageError("Nothing to look at", remedy="Give --config FILE or --data FOLDER.")
    click.echo(report_text(report), nl=False)
    if html is not None:
        write_report(html, report_html(report))
