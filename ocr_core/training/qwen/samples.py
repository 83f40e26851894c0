"""What a LoRA fine-tuning learns from: lines, and whole pages, each asked for as `QwenSettings.mode` asks for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ocr_core.errors import UsageError
from ocr_core.ground_truth import TruthPage, find_pages
from ocr_core.imaging.geometry import page_picture
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.training.data.cache import LineCache, document_of, prepare, split_of
from ocr_core.training.data.ground_truth import read_picture
from ocr_core.training.data.text import is_markup, normalise_text
from ocr_core.training.qwen.config import QwenLoraSettings
from ocr_core.training.trocr.augment import distorted

logger = logging.getLogger(__name__)


class Samples(Protocol):
    """Pictures with their texts, by number.

    Attributes:
        kind: `line` or `page`.
        batch: of a step.
        per_epoch: how many an epoch has; 0: each once.
    """

    kind: str
    batch: int
    per_epoch: int

    def rows(self, split: str, corpus: str | None = None) -> list[int]:
        """Those of a split (`train` or `dev`), of one corpus or all."""
        ...

    def text(self, row: int) -> str: ...

    def request(self, row: int, rng: np.random.Generator | None = None) -> Request:
        """The picture with the question for it, distorted where there is chance."""
        ...


class LineSamples:
    kind = "line"

    def __init__(self, settings: QwenLoraSettings) -> None:
        self._settings = settings
        self._cache = LineCache(prepare(settings))
        self.batch = settings.schedule.batch or 8
        self.per_epoch = settings.schedule.samples_per_epoch

    def rows(self, split: str, corpus: str | None = None) -> list[int]:
        return self._cache.rows(split, corpus)

    def text(self, row: int) -> str:
        return str(self._cache.table["text"][row])

    def request(self, row: int, rng: np.random.Generator | None = None) -> Request:
        own, picture = self._settings, self._cache[row].nominal()
        if rng is not None:
            picture = distorted(picture, rng, own.augment)
        return Request(picture, own.prompt, own.line_pixels, own.line_tokens)


@dataclass(frozen=True, slots=True)
class _Page:
    page: TruthPage
    corpus: str
    split: str
    lines: tuple[str, ...]


class PageSamples:
    """The pages of PAGE and ALTO corpora, their lines in the order of the file, a line of text for each.

    A page with an editor's notes among its lines is left out: its text must be what stands on it, and all of that.
    """

    kind = "page"

    def __init__(self, settings: QwenLoraSettings) -> None:
        self._settings = settings
        self.batch = settings.page_batch
        self.per_epoch = settings.pages_per_epoch
        self._pages: list[_Page] = []
        for corpus in settings.corpora:
            found = find_pages([settings.data / corpus.path]) if corpus.format == "pages" else []
            for page in found:
                split = split_of(document_of(page.name, corpus), corpus)
                lines = tuple(filter(None, (normalise_text(line.text) for line in page.lines)))
                if page.image and split != "none" and lines and not any(map(is_markup, lines)):
                    self._pages.append(_Page(page, corpus.name, split, lines))

    def leave_out_longer(self, tokens_of: Callable[[str], int]) -> None:
        """Keep the pages whose text, with its end, the reader may write to the end."""
        most = self._settings.page_tokens
        kept = [page for page in self._pages if tokens_of("\n".join(page.lines)) < most]
        if len(kept) < len(self._pages):
            logger.warning(
                "%d pages have more than %d tokens and are left out", len(self._pages) - len(kept), most
            )
        self._pages = kept

    def rows(self, split: str, corpus: str | None = None) -> list[int]:
        return [
            row
            for row, page in enumerate(self._pages)
            if page.split == split and corpus in (None, page.corpus)
        ]

    def text(self, row: int) -> str:
        return "\n".join(self._pages[row].lines)

    def request(self, row: int, rng: np.random.Generator | None = None) -> Request:
        own, page = self._settings, self._pages[row]
        picture = page_picture(read_picture(page.page), 0, own.page_pixels)
        if rng is not None:  # as far as lines of this height are
            picture = distorted(picture, rng, own.augment / len(page.lines))
        return Request(picture, own.prompt, own.page_pixels, own.page_tokens)


def samples_of(settings: QwenLoraSettings, tokens_of: Callable[[str], int]) -> tuple[Samples, ...]:
    """What the settings want to be learnt.

    Args:
        tokens_of: the tokens of a text.

    Raises:
        UsageError: a corpus cannot be read, or there is nothing to train on.
    """
    found: list[Samples] = []
    if settings.learn != "pages":
        found.append(LineSamples(settings))
    if settings.learn != "lines":
        pages = PageSamples(settings)
        pages.leave_out_longer(tokens_of)
        found.append(pages)
    for samples in found:
        if not samples.rows("train"):
            raise UsageError(
                f"There is no {samples.kind} to train on", remedy="Correct the corpora of the configuration."
            )
    return tuple(found)
