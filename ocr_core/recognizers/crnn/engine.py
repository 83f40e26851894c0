"""The line readers `crnn-latin` and `crnn-ar`, and any other with a CRNN behind it.

A network writes a line from left to right. Where its card says that the order is `drawn`, the line runs from right to left
and is turned into reading order afterwards (see `ocr_core.bidi`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol, cast

import numpy as np

from ocr_core.errors import ModelError, PageError
from ocr_core.ground import NORMALISATION_VERSION
from ocr_core.models import WEIGHTS, ModelCard, card_of, verified_bytes
from ocr_core.recognizers.decoding.beam import BeamSettings, CharacterModel, beam_search
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import Decoded, Frames, greedy
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.recognizers.decoding.words import in_reading_order, words_of
from ocr_core.recognizers.pictures import LineJob
from ocr_core.recognizers.protocol import failed
from ocr_core.records import EngineStamp, Failure, GreyImage, LineImage, Transcript

Decoding = Literal["greedy", "beam"]
LANGUAGE_MODEL = "lm-latin"
DRAWN = "drawn"
_LANGUAGE_MODELS = {"": LANGUAGE_MODEL, DRAWN: "lm-ar"}
"""By the order in which a reader writes: a language model knows one order only."""


class LineNetwork(Protocol):
    """What knows a network's pictures: how a line is brought to it, and what it says of each frame."""

    def prepare(self, place: int, pixels: GreyImage) -> LineJob:
        """A line picture as the network wants it.

        Raises:
            PageError: it is not a grey line.
        """
        ...

    def scores(self, jobs: Sequence[LineJob]) -> Iterator[tuple[Sequence[LineJob], list[Frames]]]:
        """The jobs in batches, with the log probabilities, float32 [T, classes], of each."""
        ...


class CrnnRecognizer:
    """Reads lines with a CRNN, by the best path or by beam search with a language model. Make one with `load`.

    Several threads may share one. The text of a line does not depend on its batch: the network treats what is right of a
    line as empty (see `crnn.network`).
    """

    def __init__(
        self,
        network: LineNetwork,
        charset: Charset,
        stamp: EngineStamp,
        *,
        calibration: Sequence[tuple[float, float]] = (),
        language: NgramModel | None = None,
    ) -> None:
        """Take a network.

        Args:
            calibration: see `ModelCard`.
            language: for beam search, its card stating the settings; None for the best path.
        """
        self._network = network
        self._charset = charset
        self._stamp = stamp
        self._rtl = dict(stamp.settings).get("order") == DRAWN
        # A search with a language model reads more right than the best path for which `calibration` was measured: the
        # card of the language model leads from what it says to what is so.
        further = language.card.calibration if language is not None and language.card is not None else ()
        self._calibrations = [np.array(p, dtype=np.float64) for p in (calibration, further) if len(p)]
        self._search = None if language is None else _search_of(language, charset)
        self._searching = Lock()

    @classmethod
    def load(
        cls,
        name: str = "crnn-latin",
        *,
        device: str = "auto",
        precision: str = "auto",
        folder: Path = WEIGHTS,
        decoding: Decoding | None = None,
        language_model: str = "",
        language_folder: Path | None = None,
    ) -> CrnnRecognizer:
        """Load packaged weights, after checking them against the sha256 of their card.

        Args:
            device, precision: see `Placement`.
            decoding: see `crnn_stamp`.
            language_model: name of a packaged model of kind ngram, by default that of the reader's order; loaded for
                `beam` only.
            language_folder: where it is; `folder` by default.

        Raises:
            ModelError: weights or card are missing, damaged, or of another kind of network.
        """
        from ocr_core.recognizers.crnn.file import read_crnn
        from ocr_core.recognizers.crnn.lines import CompactLines, Placement

        card, data = verified_bytes(name, folder)
        if card.kind != "crnn":
            raise ModelError(
                f"{name} is a {card.kind}, not a line reader", remedy="Name a model of kind crnn."
            )
        network, charset = read_crnn(data, card.file)
        language_folder = language_folder or folder
        language_model = language_model or _language_model(card)
        stamp = crnn_stamp(
            name, decoding, language_model=language_model, folder=folder, language_folder=language_folder
        )
        language = None
        if dict(stamp.settings).get("decoding") == "beam":
            language = NgramModel.load(language_model, folder=language_folder)
        lines = CompactLines(network, Placement.of(device, precision))
        return cls(lines, charset, stamp, calibration=card.calibration, language=language)

    @property
    def stamp(self) -> EngineStamp:
        return self._stamp

    @property
    def charset(self) -> Charset:
        return self._charset

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        """A transcript or a failure for each picture: same length, same order."""
        answers: list[Transcript | Failure | None] = [None] * len(images)
        jobs: list[LineJob] = []
        for place, image in enumerate(images):
            try:
                jobs.append(self._network.prepare(place, image.pixels))
            except PageError as error:
                answers[place] = failed(image, error)
        for batch, scores in self._network.scores(jobs):
            for job, decoded in zip(batch, self._decoded(scores), strict=True):
                answers[job.place] = self._transcript(images[job.place], job, decoded)
        return cast("list[Transcript | Failure]", answers)

    def log_probs(self, pixels: Sequence[GreyImage]) -> list[Frames]:
        """Natural log probabilities, float32 [T, classes], of each line picture, in order; class 0 is the blank.

        Raises:
            PageError: a picture is not a grey line.
        """
        jobs = [self._network.prepare(place, image) for place, image in enumerate(pixels)]
        by_place = {
            job.place: frames
            for batch, scores in self._network.scores(jobs)
            for job, frames in zip(batch, scores, strict=True)
        }
        return [by_place[place] for place in range(len(pixels))]

    def _transcript(self, image: LineImage, job: LineJob, decoded: Decoded) -> Transcript:
        characters = in_reading_order(self._charset.decode(decoded.classes), rtl=self._rtl)
        text = "".join(char for _, char in characters)
        words = tuple(words_of(characters, decoded, image.pixels.shape, 4 / job.scale))
        confidence = self._calibrated(decoded.confidence)
        return Transcript(image.line_id, " ".join(text.split()), confidence, self._stamp, words)

    def _decoded(self, lines: Sequence[Frames]) -> list[Decoded]:
        if self._search is None:
            return [greedy(line) for line in lines]
        with self._searching:
            return [reading.decoded for reading in beam_search(lines, *self._search)]

    def _calibrated(self, raw: float) -> float:
        for points in self._calibrations:
            raw = float(np.interp(raw, points[:, 0], points[:, 1]))
        return raw


def crnn_stamp(
    name: str = "crnn-latin",
    decoding: Decoding | None = None,
    *,
    language_model: str = "",
    folder: Path = WEIGHTS,
    language_folder: Path | None = None,
) -> EngineStamp:
    """The stamp of a packaged line reader, without loading or checking weights.

    Under beam search it also names the language model, by the sha256 of its file, and the settings of the search.

    Args:
        decoding: `greedy` (the best path), `beam` (prefix beam search with the language model), or None for `beam` where the
            language model is there and `greedy` where it is not.
        language_model: its name; by default that of the reader's order.

    Raises:
        ModelError: a card is missing or damaged, or the language model's does not state the settings.
    """
    card = card_of(name, folder)
    language_model = language_model or _language_model(card)
    settings = dict(card.settings)
    settings["decoding"] = decoding or (
        "beam" if ((language_folder or folder) / f"{language_model}.json").exists() else "greedy"
    )
    if settings["decoding"] == "beam":
        language = card_of(language_model, language_folder or folder)
        _search_settings(language)
        settings |= dict(language.settings) | {"language_model": language.sha256}
    return EngineStamp(card.name, card.version, card.sha256, tuple(sorted(settings.items())))


def _search_settings(card: ModelCard) -> tuple[BeamSettings, float, float]:
    """Settings of the search, α and β, as the card of a language model states them."""
    try:
        values = {key: float(value) for key, value in card.settings}
        return BeamSettings(width=int(values["beam"])), values["alpha"], values["beta"]
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"The card of {card.name} does not say how to search: {error}",
            remedy="Take a language model made by `warraq train ngram`.",
        ) from error


def _search_of(language: NgramModel, charset: Charset) -> tuple[BeamSettings, CharacterModel]:
    if language.card is None:
        raise ModelError("A language model without a card", remedy="Load it with NgramModel.load.")
    settings, alpha, beta = _search_settings(language.card)
    return settings, CharacterModel(language, charset, alpha, beta)


def crnn_settings(*, drawn: bool = False) -> tuple[tuple[str, str], ...]:
    """What can change the text besides the weights, for cards and stamps.

    Args:
        drawn: the network writes lines that run from right to left, as they stand.
    """
    order = (("order", DRAWN),) if drawn else ()
    return (("decoding", "greedy"), ("normalisation", NORMALISATION_VERSION), *order)


def _language_model(card: ModelCard) -> str:
    return _LANGUAGE_MODELS[dict(card.settings).get("order", "")]
