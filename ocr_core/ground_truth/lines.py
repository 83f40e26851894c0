"""Ground truth of lines that are pictures of their own: in Parquet files, or in folders of ``*.png`` + ``*.gt.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ocr_core.errors import UsageError
from ocr_core.ground_truth.pages import IMAGE_SUFFIXES
from ocr_core.records import GreyImage


@dataclass(frozen=True, slots=True)
class CutLine:
    """A line that comes as a picture.

    Attributes:
        page: what it is from, as far as the source tells; else the line itself.
        name: of its file without suffixes, or `row N`, counted from 1.
        text: as the source has it; empty where it has none.
        image: the file of the picture; empty where there is none.
    """

    page: str
    name: str
    text: str
    image: bytes

    def pixels(self) -> GreyImage | None:
        """The picture, grey uint8 [height, width]; None where there is none, or none that can be read."""
        if not self.image:
            return None
        pixels = cv2.imdecode(np.frombuffer(self.image, np.uint8), cv2.IMREAD_GRAYSCALE)
        return None if pixels is None else np.asarray(pixels, dtype=np.uint8)


def read_parquet(path: Path) -> Iterator[CutLine]:
    """Lines of a Parquet file, or of all in a folder, with columns `image` ({bytes, path}, or bytes) and `text`, perhaps
    `page`.

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
        yield from _rows(table, file.stem)


def _rows(table: pq.ParquetFile, stem: str) -> Iterator[CutLine]:
    columns = [name for name in ("image", "text", "page") if name in table.schema_arrow.names]
    number = 0
    for batch in table.iter_batches(batch_size=256, columns=columns):
        for row in batch.to_pylist():
            number += 1
            image = row["image"].get("bytes") if isinstance(row["image"], dict) else row["image"]
            page = str(row.get("page") or f"{stem}-{number}")
            yield CutLine(page, f"row {number}", row["text"] or "", image or b"")


def read_line_folder(folder: Path) -> Iterator[CutLine]:
    """Lines of a folder and those below it: pictures, each with its text in ``NAME.gt.txt``.

    The page is what precedes the last ``_`` of the name.

    Raises:
        UsageError: the folder is missing, or a text is not UTF-8.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", remedy="Name a folder of *.png with *.gt.txt.")
    for path in sorted(folder.rglob("*.gt.txt")):
        stem = path.name.removesuffix(".gt.txt")
        image = next((i for s in IMAGE_SUFFIXES if (i := path.with_name(stem + s)).exists()), None)
        try:
            text = path.read_text("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8: {error}", remedy="Convert it, or take it out.") from error
        yield CutLine(stem.rpartition("_")[0] or stem, stem, text, image.read_bytes() if image else b"")
