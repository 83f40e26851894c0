"""The seam behind which every reader stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ocr_core.errors import PageError
from ocr_core.records import EngineStamp, Failure, LineImage, PagePicture, PageText, Stage, Transcript


class Recognizer(Protocol):
    """Reads line images.

    `recognize` answers each image with a `Transcript` or a `Failure`: same length, same order. A bad image is a
    `Failure` of that image alone. The text of an image must not depend on what it is batched with.
    """

    @property
    def stamp(self) -> EngineStamp: ...

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]: ...


@runtime_checkable
class PageRecognizer(Protocol):
    """Reads whole pages. What it writes is put on the lines of the page by whoever asked.

    `recognize_pages` answers each page with its text or a `Failure`: same length, same order. A page that breaks the engine
    fails alone. Such an engine reads single lines too, where a page has lines that are not its own.
    """

    @property
    def stamp(self) -> EngineStamp: ...

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]: ...

    def recognize_pages(self, pages: Sequence[PagePicture]) -> list[PageText | Failure]: ...


NO_LINE = frozenset({"bad-line-image", "line-too-long", "no-single-character"})
"""Kinds of failures that say: this picture is no line of writing. All others say that the engine failed."""


def failed(image: LineImage, error: PageError) -> Failure:
    """The answer for an image that cannot be read."""
    return _failure(image.line_id.rpartition("-")[0], error)


def failed_page(page: PagePicture, error: PageError) -> Failure:
    """The answer for a page that cannot be read."""
    return _failure(page.page_id, error)


def _failure(page_id: str, error: PageError) -> Failure:
    return Failure("", Stage.RECOGNIZE, error.kind, error.message, error.remedy, page_id=page_id)


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a picture may show instead; `probability` as the reader believes, not calibrated."""

    text: str
    probability: float


@runtime_checkable
class Ranking(Protocol):
    """A reader that can also tell what else a picture may show."""

    def alternatives(self, image: LineImage, count: int) -> list[Alternative]:
        """The most likely texts, the likeliest first.

        Raises:
            PageError: the picture is none that this reader reads.
        """
        ...
