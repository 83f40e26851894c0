"""`python -m ocr_core.training CONFIG [--data DIR] [--folder DIR]`: train, or go on with, the run of a configuration."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from ocr_core.training.crnn.config import load_config


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ocr_core.training", description="Train a CRNN; resumes by itself."
    )
    parser.add_argument("config", type=Path, help="TOML file of training settings")
    parser.add_argument("--data", type=Path, help="folder that the corpora's paths start from")
    parser.add_argument("--folder", type=Path, help="folder of the run: checkpoints, metrics, weights")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = load_config(options.config, data=options.data, folder=options.folder)

    from ocr_core.training.crnn.train import train_crnn

    train_crnn(settings)


if __name__ == "__main__":
    main()
