"""`warraq train`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def train() -> None:
    """Train the packaged networks anew, or your own."""


@train.command()
@click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="TOML file: data, network, schedule."
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that the corpora's paths start from.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Folder of the run: checkpoints, metrics, weights."
)
def crnn(config: Path, data: Path | None, folder: Path | None) -> None:
    """Train a line reader (CNN, BiLSTM, CTC) on PAGE, ALTO or Parquet ground truth.

    Started again after any interruption, it goes on where it was.
    """
    import logging

    from ocr_core.training.config import load_config
    from ocr_core.training.crnn import train_crnn

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    train_crnn(load_config(config, data=data, folder=folder))


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
def ngram(config: Path, data: Path | None, folder: Path) -> None:
    """Make a character language model of the transcripts that a line reader is trained on.

    Documents that the reader's configuration holds out are left out here too.
    """
    import logging

    from ocr_core.training.ngram import load_ngram_config, train_ngram

    logging.getLogger("ocr_core.training").setLevel(logging.INFO)
    click.echo(train_ngram(load_ngram_config(config), folder, data))
