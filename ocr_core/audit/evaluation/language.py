"""What a language model does for a line reader: error rates and calibration of the two together on held-out pages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ocr_core.audit.evaluation.evaluate import evaluate
from ocr_core.audit.metrics.rates import LineScore, error_rates, page_rates, score_line
from ocr_core.audit.metrics.text import comparable
from ocr_core.bidi import turned
from ocr_core.errors import NothingToDo
from ocr_core.models import Figure, ModelCard, read_card, write_card
from ocr_core.recognizers.crnn.engine import CrnnRecognizer
from ocr_core.records import LineImage, Transcript
from ocr_core.training.calibrate import cross_checked_error, fit_calibration
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.data.cache import NOMINAL, LineCache, document_of, prepare, split_of
from ocr_core.training.data.corpora import CorpusSettings

log = logging.getLogger(__name__)


def measure_language_model(card_path: Path, reader: str, corpora: TrainSettings) -> ModelCard:
    """Read the held-out pages of a configuration with a packaged reader and a language model, and complete its card.

    The card gains figures of the two together, for each corpus of pages or synthetic lines, and the calibration of
    confidence: see `CrnnRecognizer`, which applies it after the reader's own.

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
        found = _held_out(engine, corpus, corpora)
        if not found:
            continue
        figures += _figures(corpus.name, reader, found)
        scores += found
        documents += [f"{corpus.name}/{document_of(score.page, corpus)}" for score in found]
    if not scores:
        raise NothingToDo("No page is held out.", remedy="Name a configuration that holds out documents.")
    raw, right, weights = (
        np.array(values, dtype=np.float64)
        for values in zip(*((s.confidence, s.accuracy, max(s.characters, 1)) for s in scores), strict=True)
    )
    error = cross_checked_error(raw, right, weights, documents)
    if np.isfinite(error):
        figures.append(Figure(f"ECE of line confidence with {reader}", round(error, 4), len(scores)))
    card = replace(card, figures=tuple(figures), calibration=fit_calibration(raw, right, weights))
    measured = f" --reader {reader}"
    if card.training and not card.training.command.endswith(measured):
        card = replace(card, training=replace(card.training, command=card.training.command + measured))
    write_card(card_path, card)
    return card


def _held_out(engine: CrnnRecognizer, corpus: CorpusSettings, corpora: TrainSettings) -> Sequence[LineScore]:
    """Readings of the held-out pages, or synthetic lines, of a corpus; none for other corpora of cut lines."""
    folder = corpora.data / corpus.path
    if corpus.format == "synthetic":
        return _synthetic(engine, corpus.name, corpora)
    if corpus.format != "pages":
        return ()
    names = sorted(path.stem for path in folder.glob("*.xml"))
    wanted = [name for name in names if split_of(document_of(name, corpus), corpus) == "dev"]
    return evaluate(engine, [folder], only=wanted, worst=0).scores if wanted else ()


def _synthetic(engine: CrnnRecognizer, corpus: str, corpora: TrainSettings) -> Sequence[LineScore]:
    drawn = corpora.order == "drawn"
    cache = LineCache(prepare(corpora, drawn=drawn, seed=corpora.run.seed))
    scores = []
    for row in cache.rows("dev", corpus):
        line = cache[row]
        region = line.pixels[line.top : line.top + NOMINAL, line.left : line.pixels.shape[1] - line.left]
        [answer] = engine.recognize([LineImage(f"{line.page}-{row}", region, 0.0, np.eye(2, 3))])
        truth = turned(line.text) if drawn else line.text
        read, sure = (answer.text, answer.confidence) if isinstance(answer, Transcript) else ("", 0.0)
        scores.append(score_line(line.page, str(row), comparable(truth), comparable(read), sure))
    return scores


def _figures(corpus: str, reader: str, scores: Sequence[LineScore]) -> list[Figure]:
    cer, wer = error_rates(page_rates(scores))
    log.info("%s: CER %.4f WER %.4f", corpus, cer.value, wer.value)
    return [
        Figure(f"CER {corpus} with {reader}", round(cer.value, 4), len(scores)),
        Figure(f"WER {corpus} with {reader}", round(wer.value, 4), len(scores)),
    ]
