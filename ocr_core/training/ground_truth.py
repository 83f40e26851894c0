"""Lines to learn from: of PAGE and ALTO files, of Parquet files of cut lines, of folders of ``*.png`` + ``*.gt.txt``.

Text comes as the file has it: :mod:`.text` normalises.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.errors import UsageError
from ocr_core.ground_truth import IMAGE_SUFFIXES, Points, TruthLine, TruthPage, find_pages
from ocr_core.layout.crops import Strip, guessed_baseline, page_extents, rectify_line
from ocr_core.records import GreyImage


@dataclass(frozen=True, slots=True)
class CutLine:
    """A transcribed line that comes as a picture of its own. `pixels` is grey uint8 [height, width]."""

    page: str
    text: str
    pixels: NDArray[np.uint8]


def read_pages(folder: Path) -> Iterator[TruthPage]:
    """Every PAGE or ALTO file of a folder, by name, that has its image beside it, with the lines that can be cut.

    Raises:
        UsageError: the folder is missing, or a file is neither PAGE nor ALTO.
    """
    return (cuttable(page) for page in find_pages([folder]) if page.image is not None)


def cuttable(page: TruthPage) -> TruthPage:
    """The page with those of its lines that have text, and a baseline or an outline."""
    return replace(
        page,
        lines=tuple(
            line for line in page.lines if line.text.strip() and (len(line.baseline) or len(line.outline))
        ),
    )


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


def read_parquet(path: Path) -> Iterator[CutLine]:
    """Lines of a Parquet file, or of all in a folder, with columns `image` ({bytes, path}) and `text`, perhaps `page`.

    Teklia/IAM-line has this form. Without `page` every line is a page of its own.

    Raises:
        UsageError: the path is missing, is not Parquet, or lacks a column.
    """
    for file in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
        try:
            table = pq.ParquetFile(file)
            if lacking := {"image", "text"} - set(table.schema_arrow.names):
                raise pa.ArrowInvalid(f"no column {', '.join(sorted(lacking))}")
        except (OSError, pa.ArrowInvalid) as error:
            raise UsageError(
                f"{file} is no Parquet of lines: {error}",
                remedy="It needs the columns image (with bytes) and text.",
            ) from error
        yield from _parquet_lines(table, file.stem)


def _parquet_lines(table: pq.ParquetFile, stem: str) -> Iterator[CutLine]:
    number = 0
    for batch in table.iter_batches(batch_size=256):
        for row in batch.to_pylist():
            data = (row["image"] or {}).get("bytes")
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
            number += 1
            if pixels is not None and row["text"]:
                page = str(row.get("page") or f"{stem}-{number}")
                yield CutLine(page, row["text"], np.asarray(pixels, dtype=np.uint8))


def read_line_folder(folder: Path) -> Iterator[CutLine]:
    """Lines of a folder of pictures, each with its text in ``NAME.gt.txt``. The page is what precedes the last ``_``."""
    for path in sorted(folder.rglob("*.gt.txt")):
        stem = path.name.removesuffix(".gt.txt")
        image = next((i for s in IMAGE_SUFFIXES if (i := path.with_name(stem + s)).exists()), None)
        pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE) if image else None
        if pixels is not None:
            text = path.read_text("utf-8").strip()
            yield CutLine(stem.rpartition("_")[0] or stem, text, np.asarray(pixels, dtype=np.uint8))
