"""The seam behind which every reader stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ocr_core.errors import PageError
from ocr_core.records import EngineStamp, Failure, LineImage, Stage, Transcript


class Recognizer(Protocol):
    """Reads line images.

    `recognize` answers each image with a `Transcript` or a `Failure`: same length, same order. A bad image is a
    `Failure` of that image alone. The text of an image must not depend on what it is batched with.
    """

    @property
    def stamp(self) -> EngineStamp: ...

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]: ...


def failed(image: LineImage, error: PageError) -> Failure:
    """The answer for an image that cannot be read."""
    page = image.line_id.rpartition("-")[0]
    return Failure("", Stage.RECOGNIZE, error.kind, error.message, error.remedy, page_id=page)


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
