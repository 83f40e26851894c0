"""Language models of a reader: character n-grams of the transcripts it is trained on, and of prose beside them."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field

from ocr_core.bidi import turned
from ocr_core.errors import UsageError
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.recognizers.decoding.ngram import read_ngram, write_ngram
from ocr_core.training.crnn.config import TrainSettings, load_config
from ocr_core.training.data.cache import document_of, split_of
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.data.ground_truth import read_cut_lines, read_pages
from ocr_core.training.data.text import is_markup, normalise_text
from ocr_core.training.language.kneser_ney import bits_per_character, estimate
from ocr_core.training.provenance import documents_held_out, training_of
from ocr_core.training.settings import REMEDY, Settings, load_settings, packaged
from ocr_core.training.synthetic.lines import synthetic_texts
from ocr_core.training.synthetic.prose import read_prose

log = logging.getLogger(__name__)

_SYNTHETIC_LINES = 4
"""Lines of text for each synthetic line that a reader is shown."""


class DecodingSettings(Settings):
    """How a beam search weighs the model (see `recognizers.decoding.beam`)."""

    alpha: float = Field(0.5, ge=0, le=5)
    beta: float = Field(1.0, ge=-5, le=10)
    beam: int = Field(8, ge=1, le=1000)


class ProseSettings(Settings):
    """Texts of the language that are nobody's transcripts: they say how its words are spelt.

    Attributes:
        path: a text file or a folder of them (`*.txt`, UTF-8), relative to `data`.
        lines: at most so many of their lines are used, chosen by a hash.
        licence, source: for the model card.
    """

    name: str
    path: Path
    lines: int = Field(100_000, ge=1)
    licence: str
    source: str


class NgramSettings(Settings):
    """Everything `train_ngram` needs.

    Attributes:
        corpora: training configuration of the reader whose corpora and held-out documents are used.
        least: for each length from 1 on, how often an n-gram must occur to be kept; never falling.
        shares: of each corpus's lines, 0..1; a corpus that is not named is used whole. A hash of the line decides.
        prose: further texts.
        weight: of a transcript, in lines of prose.
    """

    name: str = "lm-latin"
    version: str = "1"
    corpora: Path
    order: int = Field(6, ge=1, le=7)
    least: tuple[int, ...] = (1, 1, 1, 1, 2, 2)
    shares: dict[str, float] = {}
    prose: tuple[ProseSettings, ...] = ()
    weight: float = Field(10.0, ge=1, le=1000)
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
    started = time.monotonic()
    reader = load_config(settings.corpora, data=data)
    train, held_out = split_texts(reader, settings.shares)
    lines = [line for corpus in train.values() for line in corpus]
    if not lines:
        raise UsageError(
            "No lines to train a language model on", remedy="Check the corpora of the configuration."
        )
    prose = {text.name: _prose(text, reader.data / text.path) for text in settings.prose}
    model = estimate(
        lines, settings.order, settings.least,
        prose=[line for found in prose.values() for line in found], weight=settings.weight if prose else 1,
    )  # fmt: skip
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
        data=(
            *(DataSource(c.name, c.source, c.licence) for c in reader.corpora if train[c.name]),
            *(DataSource(text.name, text.source, text.licence) for text in settings.prose),
        ),
        figures=tuple(figures),
        settings=(("alpha", str(d.alpha)), ("beam", str(d.beam)), ("beta", str(d.beta))),
        training=training_of(
            "ngram --folder FOLDER",
            settings,
            documents_held_out(c for c in reader.corpora if train[c.name]),
            time.monotonic() - started,
        ),
        notes=f"Character {settings.order}-grams of transcripts, interpolated Kneser-Ney. Lines trained on: "
        + ", ".join(f"{name} {len(texts)}" for name, texts in (train | prose).items())
        + (f"; transcripts weigh {settings.weight:g} times as much as prose" if prose else "")
        + ".",
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
            f"Shares of corpora must be 0..1 of known corpora; unknown: {', '.join(sorted(unknown)) or 'none'}",
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


def _transcripts(corpus: CorpusSettings, path: Path, seed: int) -> Iterator[tuple[str, str]]:
    """Page and text of every line of a corpus, in the order in which the reader's training reads them.

    Of synthetic lines there are as many as one likes: more than the reader is shown.
    """
    if corpus.format == "synthetic":
        more = corpus.synthetic.model_copy(update={"lines": _SYNTHETIC_LINES * corpus.synthetic.lines})
        yield from synthetic_texts(path, more, seed)
    elif corpus.format == "pages":
        for page in read_pages(path):
            for line in page.lines:
                yield page.name, line.text
    else:
        yield from ((cut.page, cut.text) for cut in read_cut_lines(corpus, path))


def _prose(text: ProseSettings, path: Path) -> list[str]:
    """The lines of prose to learn from, as the reader is taught to write them."""
    lines = sorted(filter(None, map(normalise_text, read_prose(path))), key=_draw)
    return lines[: text.lines]


def _draw(text: str) -> float:
    """A number in 0..1 that a line always has."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
