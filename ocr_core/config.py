"""Validated settings of a run. Unknown keys are refused; every number has its unit and range."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from ocr_core.imaging.settings import ImagingSettings
from ocr_core.layout.method import LayoutMethod
from ocr_core.recognizers.qwen.settings import QwenSettings
from ocr_core.sources.settings import ReadSettings


class ArabicEngine(StrEnum):
    """Who reads Arabic pages."""

    AUTO = "auto"
    VLM = "vlm"
    CRNN = "crnn"
    DEFER = "defer"  # nobody now: they end as pending


class ScriptChoice(StrEnum):
    """Which script the lines of a run are in."""

    AUTO = "auto"  # the router tells, line by line
    LATIN = "latin"
    ARABIC = "arabic"


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def problems_of(error: ValidationError) -> str:
    """Which settings do not work and why, in a line."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {_problem(e)}" for e in error.errors())


def _problem(error: ErrorDetails) -> str:
    """pydantic's words, without those that only programmers understand."""
    if error["type"] == "extra_forbidden":
        return "there is no such setting"
    if error["type"] == "value_error":  # raised by a validator of our own
        return str(error["ctx"]["error"])
    return error["msg"].replace("Input should be", "must be", 1)


def _device(value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError(f"{value!r} is no device; write auto, cpu, cuda or cuda:N")
    return value


Device = Annotated[str, AfterValidator(_device)]


class RunSettings(Settings):
    """One digitisation run: what to read, where to put it, how."""

    sources: tuple[Path, ...] = Field(min_length=1, description="folders, images, PDFs")
    library: Path
    collection: str = "default"
    arabic: ArabicEngine = ArabicEngine.AUTO
    vlm: QwenSettings = QwenSettings()
    english: str = Field("crnn-latin", min_length=1, description="the reader of English lines")
    script: ScriptChoice = Field(ScriptChoice.AUTO, description="of all lines, where it is known")
    upgrade: bool = Field(False, description="read pages again that a better engine would now take")
    reading: ReadSettings = ReadSettings()
    imaging: ImagingSettings = ImagingSettings()
    layout: LayoutMethod = Field(LayoutMethod.AUTO, description="how lines are found")
    decoding: Literal["beam", "greedy"] | None = Field(
        None, description="how the reader of English searches; None: as its card says"
    )
    pages: str = Field("", description="page numbers to read of every document, e.g. 1-5,8; empty: all")
    workers: int = Field(0, ge=0, le=256, description="processes that prepare pages; 0: what fits the cores")
    device: Device = "auto"
    page_timeout_s: float = Field(120, gt=0, le=3600, description="a page that takes longer fails")
    batch_pages: int = Field(8, ge=1, le=256, description="pages a task handles at a time")
    compact: bool = Field(True, description="merge small files of the library at the end of the run")

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, value: str) -> str:
        PageRange(value)
        return value

    @property
    def page_range(self) -> PageRange:
        return PageRange(self.pages)


class WorkerSettings(Settings):
    """A worker that reads what other machines hand out."""

    device: Device = Field("auto", description="the one processor or GPU that its models use")
    pool: str = Field("", pattern=r"^[^/%]*$", description="the work pool it serves; empty: by the device")
    limit: int | None = Field(None, ge=1, le=1000, description="workers that share the pool; None: as it is")
    workers: int = Field(0, ge=0, le=256, description="processes that prepare pages; 0: what fits the cores")
    silence_s: float = Field(900, gt=0, description="a reader that finishes nothing for so long hangs")

    @property
    def pool_name(self) -> str:
        name, _, number = self.device.partition(":")
        return self.pool or (f"archive-gpu-{number or 0}" if name == "cuda" else "archive-arabic")


class CollectionSettings(Settings):
    """What a library's warraq.toml says of one collection, below `[settings.collections.NAME]`. None: nothing is said."""

    script: ScriptChoice | None = None
    arabic: ArabicEngine | None = None
    english: str | None = Field(None, min_length=1)


class PageRange:
    """`1-5,8,12-`: the page numbers a user asked for; the empty text is every page.

    Raises:
        ValueError: the text is no list of pages, or a range runs backwards.
    """

    def __init__(self, text: str) -> None:
        self.ranges: list[tuple[int, int | None]] = []  # low to high, both included; high None: to the end
        for part in filter(None, (p.strip() for p in text.split(","))):
            first, dash, last = part.partition("-")
            try:
                low = int(first)
                high = low if not dash else int(last) if last else None
            except ValueError:
                raise ValueError(f"{part!r} is no page range; write for example 1-5,8,12-") from None
            if low < 1 or (high is not None and high < low):
                raise ValueError(f"{part!r} is no page range: pages count from 1, low to high")
            self.ranges.append((low, high))

    def __contains__(self, number: int) -> bool:
        return not self.ranges or any(
            low <= number and (high is None or number <= high) for low, high in self.ranges
        )
