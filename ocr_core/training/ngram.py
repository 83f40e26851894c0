"""Estimation of character n-gram models from transcripts: interpolated Kneser-Ney with three discounts for each length.

After Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1999), section 3: the longest
n-grams are counted as they occur, shorter ones by how many different characters precede them, except at the beginning
of a line, which nothing precedes.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from ocr_core.bidi import turned
from ocr_core.errors import UsageError
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.recognizers.ngram import EDGE, OTHER, Level, NgramModel, encoded, read_ngram, write_ngram
from ocr_core.training.cache import document_of, split_of
from ocr_core.training.config import CorpusSettings, TrainSettings, load_config
from ocr_core.training.ground_truth import read_cut_lines, read_pages
from ocr_core.training.lines import synthetic_texts
from ocr_core.training.settings import REMEDY, Settings, load_settings, packaged
from ocr_core.training.text import is_markup, normalise_text

log = logging.getLogger(__name__)

_SYNTHETIC_LINES = 4
"""Lines of text for each synthetic line that a reader is shown."""


class DecodingSettings(Settings):
    """How a beam search weighs the model (see `recognizers.beam`)."""

    alpha: float = Field(0.5, ge=0, le=5)
    beta: float = Field(1.0, ge=-5, le=10)
    beam: int = Field(8, ge=1, le=1000)


class NgramSettings(Settings):
    """Everything `train_ngram` needs.

    Attributes:
        corpora: training configuration of the reader whose corpora and held-out documents are used.
        least: for each length from 1 on, how often an n-gram must occur to be kept; never falling.
        shares: of each corpus's lines, 0..1; a corpus that is not named is used whole. A hash of the line decides.
    """

    name: str = "lm-latin"
    version: str = "1"
    corpora: Path
    order: int = Field(6, ge=1, le=7)
    least: tuple[int, ...] = (1, 1, 1, 1, 2, 2)
    shares: dict[str, float] = {}
    decoding: DecodingSettings = DecodingSettings()


def load_ngram_config(path: Path) -> NgramSettings:
    """As `settings.load_settings`; `corpora` is relative to the file.

    Raises:
        UsageError: besides, `least` does not fit `order`.
    """
    settings = load_settings(NgramSettings, path)
    if len(settings.least) != settings.order or list(settings.least) != sorted(settings.least):
        raise UsageError(f"{path}: `least` needs {settings.order} numbers that never fall", remedy=REMEDY)
    return settings.model_copy(update={"corpora": packaged(path).parent / settings.corpora})


def train_ngram(settings: NgramSettings, folder: Path, data: Path | None = None) -> Path:
    """Estimate a model and write `NAME-VERSION.safetensors` and its card into a folder. Returns the card's path.

    Args:
        settings: of `load_ngram_config`.
        folder: where to write.
        data: folder that the corpora's paths start from, instead of the configuration's.

    Raises:
        UsageError: a corpus cannot be read, or there is nothing to train on.
    """
    reader = load_config(settings.corpora, data=data)
    train, held_out = split_texts(reader, settings.shares)
    lines = [line for corpus in train.values() for line in corpus]
    if not lines:
        raise UsageError(
            "no lines to train a language model on", remedy="Check the corpora of the configuration."
        )
    model = estimate(lines, settings.order, settings.least)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{settings.name}-{settings.version}.safetensors"
    write_ngram(path, model)
    model = read_ngram(path.read_bytes(), path.name)
    figures = [
        Figure(f"bits a character {name}", round(bits_per_character(model, held), 4), len(held))
        for name, held in held_out.items()
        if held
    ]
    d = settings.decoding
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind="ngram",
        file=path.name,
        sha256=sha256_of(path),
        licence="Apache-2.0",
        parameters=sum(len(level.characters) for level in model.levels),
        data=tuple(DataSource(c.name, c.source, c.licence) for c in reader.corpora if train[c.name]),
        figures=tuple(figures),
        settings=(("alpha", str(d.alpha)), ("beam", str(d.beam)), ("beta", str(d.beta))),
        notes=f"Character {settings.order}-grams of transcripts, interpolated Kneser-Ney. Lines trained on: "
        + ", ".join(f"{name} {len(texts)}" for name, texts in train.items())
        + ". Held out: the documents that the reader's configuration holds out.",
    )
    written = path.with_suffix(".json")
    write_card(written, card)
    log.info(
        "%d n-grams, %d bytes; %s",
        card.parameters, path.stat().st_size, ", ".join(f"{f.name} {f.value}" for f in figures),
    )  # fmt: skip
    return written


def split_texts(
    reader: TrainSettings, shares: Mapping[str, float] = {}
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Transcripts to train on and held out, by corpus, as the reader is taught to write them.

    Raises:
        UsageError: a corpus cannot be read, or a share is of an unknown corpus or not in 0..1.
    """
    unknown = set(shares) - {c.name for c in reader.corpora}
    if unknown or not all(0 <= share <= 1 for share in shares.values()):
        raise UsageError(
            f"shares of corpora must be 0..1 of known corpora; unknown: {', '.join(sorted(unknown)) or 'none'}",
            remedy="Correct the training configuration.",
        )
    train: dict[str, list[str]] = {}
    held_out: dict[str, list[str]] = {}
    for corpus in reader.corpora:
        sides: dict[str, list[str]] = {"train": [], "dev": [], "none": []}
        for page, raw in _transcripts(corpus, reader.data / corpus.path, reader.run.seed):
            text = normalise_text(raw)
            if text and not is_markup(text):
                text = turned(text) if reader.order == "drawn" else text
                sides[split_of(document_of(page, corpus), corpus)].append(text)
        share = shares.get(corpus.name, 1.0)
        train[corpus.name] = [text for text in sides["train"] if _draw(text) < share]
        held_out[corpus.name] = sides["dev"]
    return train, held_out


def estimate(lines: Iterable[str], order: int, least: Sequence[int]) -> NgramModel:
    """A model of lines of text.

    Args:
        lines: without the characters EDGE and OTHER.
        order: length of the longest n-grams.
        least: as in `NgramSettings`.
    """
    occurrences = _occurrences(lines, order)
    alphabet = "".join(sorted({*occurrences[0], EDGE, OTHER}))
    place = {c: i for i, c in enumerate(alphabet)}
    levels: list[Level] = []
    kept_before = [""]
    for length in range(1, order + 1):
        counts = _counts(occurrences, length)
        by_context: dict[str, list[str]] = defaultdict(list)
        totals: Counter[str] = Counter()
        for gram, count in counts.items():
            totals[gram[:-1]] += count
            by_context[gram[:-1]].append(gram)
        discounts = _discounts(counts.values())
        kept: list[str] = []
        values: list[float] = []
        children: list[int] = []
        for context in kept_before:
            grams = [
                g for g in by_context.get(context, ()) if occurrences[length - 1][g] >= least[length - 1]
            ]
            grams.sort(key=lambda gram: place[gram[-1]])
            children.append(len(grams))
            for gram in grams:
                count = counts[gram]
                kept.append(gram)
                values.append((count - discounts[min(count, 3)]) / totals[context])
        if levels:
            levels[-1] = replace(levels[-1], children=np.array(children, np.uint8))
        characters = np.array([place[gram[-1]] for gram in kept], np.uint8)
        codes = encoded(np.array(values, dtype=np.float64))
        levels.append(Level(characters, codes, np.zeros(len(kept), np.uint8)))
        kept_before = kept
    return NgramModel(alphabet, tuple(levels))


def bits_per_character(model: NgramModel, lines: Sequence[str]) -> float:
    """Cross entropy of lines under a model in bits for each character, their ends counted as one."""
    nats = -sum(model.line_log_probability(line) for line in lines)
    return nats / math.log(2) / max(sum(len(line) + 1 for line in lines), 1)


def _occurrences(lines: Iterable[str], order: int) -> list[Counter[str]]:
    """How often each n-gram of each length occurs in lines between edges. The edge that begins a line is no event."""
    found: list[Counter[str]] = [Counter() for _ in range(order)]
    for line in lines:
        text = EDGE + line + EDGE
        for length in range(1, order + 1):
            first = 1 if length == 1 else 0
            found[length - 1].update(text[i : i + length] for i in range(first, len(text) - length + 1))
    return found


def _counts(occurrences: Sequence[Counter[str]], length: int) -> Mapping[str, int]:
    """The counts that Kneser-Ney estimates from: see the head of this module."""
    if length == len(occurrences):
        return occurrences[-1]
    counts: Counter[str] = Counter(gram[1:] for gram in occurrences[length])
    if length > 1:
        counts.update({g: n for g, n in occurrences[length - 1].items() if g.startswith(EDGE)})
    return counts


def _discounts(counts: Iterable[int]) -> tuple[float, float, float, float]:
    """What is taken from counts of 0, 1, 2 and more, after Chen and Goodman, equation 26."""
    of = Counter(min(count, 4) for count in counts)
    if not of[1] or not of[2]:
        return (0.0, 0.5, 0.75, 0.75)
    y = of[1] / (of[1] + 2 * of[2])
    one = 1 - 2 * y * of[2] / of[1]
    two = 2 - 3 * y * of[3] / of[2]
    more = 3 - 4 * y * of[4] / of[3] if of[3] else two
    return (0.0, min(max(one, 0.1), 0.95), min(max(two, 0.1), 1.9), min(max(more, 0.1), 2.9))


def _transcripts(corpus: CorpusSettings, path: Path, seed: int) -> Iterator[tuple[str, str]]:
    """Page and text of every line of a corpus, in the order in which the reader's training reads them.

    Of synthetic lines there are as many as one likes: more than the reader is shown.
    """
    if corpus.format == "synthetic":
        yield from synthetic_texts(path, _SYNTHETIC_LINES * corpus.synthetic.lines, seed)
    elif corpus.format == "pages":
        for page in read_pages(path):
            for line in page.lines:
                yield page.name, line.text
    else:
        yield from ((cut.page, cut.text) for cut in read_cut_lines(corpus, path))


def _draw(text: str) -> float:
    """A number in 0..1 that a line always has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
