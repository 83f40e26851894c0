"""What a language model does for a line reader: error rates and calibration of the two together on held-out pages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ocr_core.audit.evaluate import Evaluation, evaluate
from ocr_core.audit.rates import LineScore
from ocr_core.errors import NothingToDo
from ocr_core.models import Figure, ModelCard, read_card, write_card
from ocr_core.recognizers.crnn import CrnnRecognizer
from ocr_core.training.cache import document_of, split_of
from ocr_core.training.calibrate import cross_checked_error, fit_calibration
from ocr_core.training.config import CorpusSettings, TrainSettings

log = logging.getLogger(__name__)


def measure_language_model(card_path: Path, reader: str, corpora: TrainSettings) -> ModelCard:
    """Read the held-out pages of a configuration with a packaged reader and a language model, and complete its card.

    The card gains figures of the two together, for each corpus of pages, and the calibration of confidence: see
    `CrnnRecognizer`, which applies it after the reader's own.

    Args:
        card_path: of a language model beside its file, as `train_ngram` writes them.
        reader: name of a packaged line reader.
        corpora: the training configuration whose held-out documents are read.

    Raises:
        ModelError: reader or language model are damaged.
        NothingToDo: the configuration holds out no pages.
    """
    card = replace(read_card(card_path), calibration=())
    write_card(card_path, card)
    engine = CrnnRecognizer.load(
        reader, decoding="beam", language_model=card_path.stem, language_folder=card_path.parent
    )
    scores: list[LineScore] = []
    documents: list[str] = []
    figures = [f for f in card.figures if not f.name.startswith(("CER ", "WER ", "ECE "))]
    for corpus in corpora.corpora:
        held_out = _held_out(corpus, corpora.data / corpus.path)
        if not held_out:
            continue
        found = evaluate(engine, [corpora.data / corpus.path], only=held_out, worst=0)
        log.info("%s: CER %.4f WER %.4f", corpus.name, found.cer.value, found.wer.value)
        figures += _figures(corpus.name, reader, found)
        scores += found.scores
        documents += [f"{corpus.name}/{document_of(score.page, corpus)}" for score in found.scores]
    if not scores:
        raise NothingToDo("No page is held out.", remedy="Name a configuration that holds out documents.")
    raw, right, weights = (
        np.array(values, dtype=np.float64)
        for values in zip(*((s.confidence, s.accuracy, max(s.characters, 1)) for s in scores), strict=True)
    )
    error = cross_checked_error(raw, right, weights, documents)
    if np.isfinite(error):
        figures.append(Figure(f"ECE of line confidence with {reader}", round(error, 4), len(scores)))
    # Held-out lines are all writing; what is none is surer to be wrong than the worst of them.
    points = ((0.0, 0.0), *fit_calibration(raw, right, weights))
    card = replace(card, figures=tuple(figures), calibration=points)
    write_card(card_path, card)
    return card


def _held_out(corpus: CorpusSettings, folder: Path) -> Sequence[str]:
    """Names of the held-out PAGE or ALTO files of a corpus; none for corpora of cut lines."""
    if corpus.format != "pages":
        return ()
    names = sorted(path.stem for path in folder.glob("*.xml"))
    return [name for name in names if split_of(document_of(name, corpus), corpus) == "dev"]


def _figures(corpus: str, reader: str, found: Evaluation) -> list[Figure]:
    lines = len(found.scores)
    return [
        Figure(f"CER {corpus} with {reader}", round(found.cer.value, 4), lines),
        Figure(f"WER {corpus} with {reader}", round(found.wer.value, 4), lines),
    ]
