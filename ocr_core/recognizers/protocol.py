"""The seam behind which every reader stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ocr_core.records import EngineStamp, Failure, LineImage, Transcript


class Recognizer(Protocol):
    """Reads line images.

    `recognize` answers each image with a `Transcript` or a `Failure`: same length, same order. A bad image is a
    `Failure` of that image alone. The text of an image must not depend on what it is batched with.
    """

    @property
    def stamp(self) -> EngineStamp: ...

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]: ...
