"""How pages are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import ConfigDict

MAX_PIXELS = 300_000_000
"""Of a page unless told otherwise: a sheet of A0 at 400 dpi has 250 million."""


class ExistingText(StrEnum):
    """What to do with the text a PDF page already carries (the vocabulary of OCRmyPDF).

    skip: keep it, the page is not recognised. redo: keep the text of born-digital pages, drop that on scans,
    which is somebody's OCR. force: drop all.
    """

    SKIP = "skip"
    REDO = "redo"
    FORCE = "force"


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings of `read_pages`.

    Attributes:
        dpi: at which PDF pages without a scan are drawn.
        max_pixels: of one page image; checked before decoding.
        existing_text: as an `ExistingText` or its word.
        colour: keep the colour of pages, which reading them does not need; else they are grey.
        timeout: seconds for one call of poppler.
    """

    dpi: int = 300
    max_pixels: int = MAX_PIXELS
    existing_text: ExistingText = ExistingText.SKIP
    colour: bool = False
    timeout: float = 120.0

    __pydantic_config__ = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        object.__setattr__(self, "existing_text", ExistingText(self.existing_text))
        if not 72 <= self.dpi <= 1200:
            raise ValueError(f"dpi is {self.dpi}; it must be from 72 to 1200")
        if self.max_pixels < 1 or self.timeout <= 0:
            raise ValueError("max_pixels and timeout must be positive")
