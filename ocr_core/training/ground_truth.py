"""Ground truth from files: PAGE XML, ALTO, Parquet of cut lines, folders of ``*.png`` + ``*.gt.txt``.

Coordinates are pixels of the page image, origin top left. Text comes as the file has it: :mod:`.text` normalises.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.errors import UsageError

Points = NDArray[np.float64]
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class TrueLine:
    """A transcribed line of a page. `baseline` float [n, 2]; `polygon` float [m, 2], None where the file has none."""

    text: str
    baseline: Points
    polygon: Points | None


@dataclass(frozen=True, slots=True)
class TruePage:
    """A page with its transcribed lines in the order of the file."""

    name: str
    image: Path
    lines: tuple[TrueLine, ...]


@dataclass(frozen=True, slots=True)
class CutLine:
    """A transcribed line that comes as a picture of its own. `pixels` is grey uint8 [height, width]."""

    page: str
    text: str
    pixels: NDArray[np.uint8]


def read_pages(folder: Path) -> Iterator[TruePage]:
    """Every PAGE or ALTO file of a folder, by name, that has its image beside it.

    Raises:
        UsageError: the folder is missing, or a file is neither PAGE nor ALTO.
    """
    if not folder.is_dir():
        raise UsageError(
            f"no folder {folder}", remedy="Check the path of the corpus in the training configuration."
        )
    for path in sorted(folder.glob("*.xml")):
        image = next((i for s in IMAGE_SUFFIXES if (i := path.with_suffix(s)).exists()), None)
        if image is not None:
            yield TruePage(path.stem, image, tuple(read_lines(path)))


def read_lines(path: Path) -> list[TrueLine]:
    """The transcribed lines of one PAGE or ALTO file. Lines without text or baseline are left out.

    Raises:
        UsageError: the file is missing, not XML, or neither PAGE nor ALTO.
    """
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314  expat bounds the expansion of entities
    except (ElementTree.ParseError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read as XML: {error}", remedy="Repair the file or take it out."
        ) from error
    space, _, kind = root.tag.rpartition("}")
    names = {"p": space[1:]}
    if kind == "PcGts":
        found = [_page_line(line, names) for line in root.iterfind(".//p:TextLine", names)]
    elif kind.lower() == "alto":
        found = [_alto_line(line, names) for line in root.iterfind(".//p:TextLine", names)]
    else:
        raise UsageError(f"{path} is neither PAGE nor ALTO", remedy="Take other XML files out of the folder.")
    return [line for line in found if line is not None]


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


def _page_line(line: ElementTree.Element, names: dict[str, str]) -> TrueLine | None:
    text, base = line.find("p:TextEquiv/p:Unicode", names), line.find("p:Baseline", names)
    coords = line.find("p:Coords", names)
    return _line(
        (text.text or "") if text is not None else "",
        base.get("points", "") if base is not None else "",
        coords.get("points", "") if coords is not None else "",
    )


def _alto_line(line: ElementTree.Element, names: dict[str, str]) -> TrueLine | None:
    shape = line.find("p:Shape/p:Polygon", names)
    text = " ".join(s.get("CONTENT", "") for s in line.iterfind("p:String", names))
    return _line(text, line.get("BASELINE", ""), shape.get("POINTS", "") if shape is not None else "")


def _line(text: str, baseline: str, polygon: str) -> TrueLine | None:
    base, outline = _points(baseline), _points(polygon)
    if not text.strip() or len(base) < 2 or np.all(base == base[0]):
        return None
    return TrueLine(text, base, outline if len(outline) >= 3 else None)


def _points(text: str) -> Points:
    """Points of PAGE (`x,y x,y`) and of ALTO 4 (`x y x y`, commas allowed). float [n, 2]."""
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]
    return np.array(numbers[: len(numbers) // 2 * 2], dtype=np.float64).reshape(-1, 2)
