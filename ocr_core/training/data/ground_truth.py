"""What of the ground truth can be learnt from, and how its lines are cut.

Text comes as the file has it: :mod:`.text` normalises.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from ocr_core.errors import UsageError
from ocr_core.ground_truth import (
    CutLine,
    Points,
    TruthLine,
    TruthPage,
    find_pages,
    read_imgur5k,
    read_line_folder,
    read_parquet,
)
from ocr_core.layout.crops import Strip, rectify_line
from ocr_core.layout.extents import guessed_baseline, page_extents
from ocr_core.records import GreyImage
from ocr_core.training.data.corpora import CorpusSettings

log = logging.getLogger(__name__)


def read_pages(folder: Path) -> Iterator[TruthPage]:
    """Every PAGE or ALTO file of a folder, by name, that has its image beside it, with the lines that can be cut.

    A warning is logged where some have none.

    Raises:
        UsageError: the folder is missing, or a file is neither PAGE nor ALTO.
    """
    if not folder.exists():
        raise UsageError(
            f"There is no {folder}.",
            remedy="Name the folder that the paths of the data start from: --data FOLDER.",
        )
    pages = find_pages([folder])
    bare = [page.name for page in pages if page.image is None]
    if bare:
        _warn(f"{folder}: {len(bare)} of {len(pages)} pages have no image beside them: {bare[0]} …")
    return (cuttable(page) for page in pages if page.image is not None)


def cuttable(page: TruthPage) -> TruthPage:
    """The page with those of its lines that have text, and a baseline or an outline."""
    return replace(
        page,
        lines=tuple(
            line for line in page.lines if line.text.strip() and (len(line.baseline) or len(line.outline))
        ),
    )


def read_picture(page: TruthPage) -> GreyImage:
    """The image beside a page, grey uint8 [height, width].

    Raises:
        UsageError: it is no image.
    """
    image = cv2.imread(str(page.image), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise UsageError(
            f"{page.image} is not an image", remedy="Repair the file or take it out of the corpus."
        )
    return np.asarray(image, dtype=np.uint8)


def shape_of(line: TruthLine) -> tuple[Points, Points]:
    """Baseline and outline to cut a line along: its own, or a baseline guessed from the outline. float [n, 2] each."""
    if len(line.baseline):
        return line.baseline, line.polygon  # with a baseline its page tells its height better than a box
    return guessed_baseline(line.outline), line.outline


def cut_lines(
    grey: GreyImage, lines: Sequence[TruthLine], pad: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Strip]:
    """The strips of the lines of a page, in order, as the pipeline cuts them.

    Args:
        grey: the page, uint8 [height, width].
        lines: of `cuttable`.
        pad: as for `rectify_line`.
    """
    # Where some baselines are drawn, they tell more about the page than the guessed ones.
    drawn = [line for line in lines if len(line.baseline)]
    usual = page_extents([shape_of(line) for line in drawn or lines])
    return (rectify_line(grey, *shape_of(line), usual=usual, pad=pad) for line in lines)


def read_cut_lines(corpus: CorpusSettings, path: Path) -> Iterator[CutLine]:
    """The lines of a corpus whose lines come as pictures.

    Raises:
        UsageError: see `read_parquet`, `read_line_folder` and `read_imgur5k`.
    """
    readers = {"parquet": read_parquet, "lines": read_line_folder, "imgur5k": read_imgur5k}
    return readers[corpus.format](path)


def read_pictures(corpus: CorpusSettings, path: Path) -> Iterator[tuple[CutLine, GreyImage]]:
    """Of `read_cut_lines` the lines whose picture can be read, with it: grey uint8 [height, width].

    A warning is logged where there are others.
    """
    bare: list[str] = []
    for line in read_cut_lines(corpus, path):
        pixels = line.pixels()
        if pixels is None:
            bare.append(line.name)
        else:
            yield line, pixels
    if bare:
        _warn(f"{path}: {len(bare)} lines have no picture that can be read: {bare[0]} …")


@cache
def _warn(message: str) -> None:
    """Say a thing once, however often the data are gone through."""
    log.warning(message)
