"""Settings of the data sets that trainings read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.training.settings import Settings, Share


class SyntheticSettings(Settings):
    """Lines to be drawn of a text (see `training.synthetic.lines`).

    Attributes:
        script: of the text, `arabic` or `latin`.
        lines: how many.
        fonts: folder with fonts, searched with all below it.
        hand: share of them that looks written.
        processes: that draw.
    """

    script: Literal["arabic", "latin"] = "arabic"
    lines: int = Field(20_000, ge=1)
    fonts: Path = Path("/usr/share/fonts")
    hand: Share = 0.3
    processes: int = Field(2, ge=1)


class TruthSettings(Settings):
    """One corpus with ground truth, and which of its documents are held out: whole documents, never single lines.

    Attributes:
        name: short name, also in the metrics.
        path: folder or file, relative to `data`.
        document: regular expression; its first group (or the whole match) in a page's name is the document the page
            belongs to.
        dev_fraction: of the documents held out, chosen by a hash of their name.
        dev: documents held out by name.
        exclude: documents used for nothing.
        licence, source: for the model card.
    """

    name: str
    path: Path
    document: str = ".+"
    dev_fraction: Share = 0.1
    dev: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""


class CorpusSettings(TruthSettings):
    """One corpus of transcribed lines.

    Attributes:
        format: `pages` (PAGE or ALTO beside images), `parquet`, `lines` (pictures with .gt.txt), `imgur5k` (words of
            photographs, see `ground_truth.read_imgur5k`) or `synthetic` (a text, of which lines are drawn as
            `synthetic` says).
        share: of the samples of an epoch, relative to the other corpora.
        one_hand: all of it is by one writer, so that words of it can be composed of letters of others.
    """

    format: Literal["pages", "parquet", "lines", "imgur5k", "synthetic"] = "pages"
    share: float = Field(1.0, ge=0)
    one_hand: bool = False
    synthetic: SyntheticSettings = SyntheticSettings()
