"""`warraq train`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def train() -> None:
    """Train the packaged networks, or your own on top of them."""


@train.command()
@click.option("--config", required=True, type=click.Path(path_type=Path), help="TOML file: data, network, schedule.")
def crnn(config: Path) -> None:
    """Train a line reader (CNN, BiLSTM, CTC). Started again after any interruption, it goes on where it was."""
    from ocr_core.training.config import load_config
    from ocr_core.training.crnn import train_crnn

    train_crnn(load_config(config))
