"""The line cache: every line of the corpora cut once, before augmentation.

A line is kept as a strip whose nominal region (what inference would cut) is `NOMINAL` pixels high, with more around it
and the outline as a mask of its own, so that augmentation can move the borders and lift the mask as other segmenters
would.

Files: ``pixels.npy`` and ``masks.npy`` (flat uint8, strips row by row) and ``lines.parquet``, one row a line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.bidi import turned
from ocr_core.ground import fade_outside
from ocr_core.training.data.corpora import CorpusSettings, TruthSettings
from ocr_core.training.data.ground_truth import cut_lines, read_pages, read_picture, read_pictures
from ocr_core.training.data.text import is_markup, normalise_text
from ocr_core.training.synthetic.lines import PAD as PAD_PIXELS
from ocr_core.training.synthetic.lines import synthetic_lines

Grey = NDArray[np.uint8]
logger = logging.getLogger(__name__)

NOMINAL = 64
"""Height in pixels of the nominal region of a cached strip."""
PAD = (0.25, 0.25)
"""What is kept around it above and below, and left and right, as shares of its height (page corpora only)."""
FORMAT = 1
_COLUMNS = (
    "corpus", "page", "document", "split", "text", "offset", "mask_offset", "height", "width", "top", "left",
)  # fmt: skip
_PIXELS_PER_CHARACTER = (6.0, 110.0)
"""Lines with fewer or more nominal pixels for each character are mis-paired or mis-cut."""
_MOST_PIXELS = 2600
"""Width of the longest line kept, in nominal pixels."""


class RunFolder(Protocol):
    @property
    def folder(self) -> Path: ...


class LineSources(Protocol):
    """What of the settings of a training decides its lines."""

    @property
    def data(self) -> Path: ...
    @property
    def corpora(self) -> tuple[CorpusSettings, ...]: ...
    @property
    def run(self) -> RunFolder: ...


@dataclass(frozen=True, slots=True)
class CachedLine:
    """A strip and what is known of it.

    Attributes:
        pixels: grey uint8 [height, width].
        mask: uint8 [height, width], 255 inside the outline; None where the corpus has none.
        top, left: where the nominal region starts; it is `NOMINAL` high and ends `left` before the right edge.
    """

    pixels: Grey
    mask: Grey | None
    top: int
    left: int
    text: str
    corpus: str
    page: str

    def nominal(self) -> Grey:
        """The line as the pipeline would cut it, uint8 [NOMINAL, W]: what lies outside its outline faded."""
        strip = self.pixels if self.mask is None else fade_outside(self.pixels, self.mask)
        return strip[self.top : self.top + NOMINAL, self.left : strip.shape[1] - self.left]


@dataclass(frozen=True, slots=True)
class _Cut:
    pixels: Grey
    mask: Grey | None
    top: int
    left: int
    text: str
    page: str


class LineCache:
    """Read access to a line cache by row number."""

    def __init__(self, folder: Path) -> None:
        self.table = pq.read_table(folder / "lines.parquet").to_pydict()
        self._pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        self._masks = np.load(folder / "masks.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.table["text"])

    def __getitem__(self, row: int) -> CachedLine:
        t = self.table
        shape = (t["height"][row], t["width"][row])
        size = shape[0] * shape[1]
        start, mask_start = t["offset"][row], t["mask_offset"][row]
        pixels = np.asarray(self._pixels[start : start + size]).reshape(shape)
        mask = (
            np.asarray(self._masks[mask_start : mask_start + size]).reshape(shape)
            if mask_start >= 0
            else None
        )
        return CachedLine(
            pixels, mask, t["top"][row], t["left"][row], t["text"][row], t["corpus"][row], t["page"][row]
        )

    def width(self, row: int) -> int:
        """Nominal width of a line in pixels."""
        return int(self.table["width"][row]) - 2 * int(self.table["left"][row])

    def rows(self, split: str, corpus: str | None = None) -> list[int]:
        """Rows of a split (`train` or `dev`), of one corpus or all."""
        return [
            i
            for i, (s, c) in enumerate(zip(self.table["split"], self.table["corpus"], strict=True))
            if s == split and (corpus is None or c == corpus)
        ]


def document_of(page: str, corpus: TruthSettings) -> str:
    """The document a page belongs to, by the corpus's regular expression; the page itself where it does not match."""
    found = re.search(corpus.document, page)
    if found is None:
        return page
    return found.group(1) if found.re.groups else found.group(0)


def split_of(document: str, corpus: TruthSettings) -> str:
    """`train`, `dev` or `none`. The hash of the name decides, so that a corpus that grows keeps its split."""
    if document in corpus.exclude:
        return "none"
    if document in corpus.dev:
        return "dev"
    number = int.from_bytes(hashlib.sha256(document.encode()).digest()[:8], "big") / 2**64
    return "dev" if number < corpus.dev_fraction else "train"


def prepare(settings: LineSources, *, drawn: bool = False, seed: int = 1) -> Path:
    """Make the line cache of a configuration, or find it made. Returns its folder.

    Args:
        drawn: texts are kept as they stand from left to right, for lines that run from right to left.
        seed: of synthetic lines.
    """
    corpora = [_what_cuts(c) for c in settings.corpora]
    wanted: dict[str, object] = {"format": FORMAT, "corpora": corpora}
    if drawn:
        wanted["order"] = "drawn"
    name = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:12]
    folder = settings.run.folder.parent / f"lines-{name}"
    if (folder / "lines.parquet").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    with (folder / "pixels.raw").open("wb") as pixels, (folder / "masks.raw").open("wb") as masks:
        for corpus in settings.corpora:
            dropped: dict[str, int] = {}
            for cut in _cuts(corpus, settings.data / corpus.path, seed):
                document = document_of(cut.page, corpus)
                split = split_of(document, corpus)
                reason = "excluded" if split == "none" else _defect(cut)
                if reason:
                    dropped[reason] = dropped.get(reason, 0) + 1
                    continue
                text = normalise_text(cut.text)
                if drawn:
                    text = turned(text)
                row = (corpus.name, cut.page, document, split, text, pixels.tell())
                shape = (*cut.pixels.shape, cut.top, cut.left)
                mask_offset = masks.tell() if cut.mask is not None else -1
                for column, value in zip(columns, (*row, mask_offset, *shape), strict=True):
                    columns[column].append(value)
                pixels.write(np.ascontiguousarray(cut.pixels).tobytes())
                if cut.mask is not None:
                    masks.write(np.ascontiguousarray(cut.mask).tobytes())
            kept = sum(c == corpus.name for c in columns["corpus"])
            logger.info("corpus %s: %d lines kept, dropped %s", corpus.name, kept, dropped or "none")
    for stem in ("pixels", "masks"):
        np.save(folder / f"{stem}.npy", np.fromfile(folder / f"{stem}.raw", np.uint8))
        (folder / f"{stem}.raw").unlink()
    pq.write_table(pa.table(columns), folder / "lines.part")
    (folder / "lines.part").replace(folder / "lines.parquet")
    return folder


def _what_cuts(corpus: CorpusSettings) -> str:
    """What the lines of a corpus depend on."""
    others = {"share", "one_hand"}
    if corpus.format != "synthetic":
        others.add("synthetic")
    return corpus.model_dump_json(exclude=others)


def _cuts(corpus: CorpusSettings, path: Path, seed: int) -> Iterator[_Cut]:
    if corpus.format == "pages":
        return _page_cuts(path)
    if corpus.format == "synthetic":
        drawn = synthetic_lines(path, corpus.synthetic, seed)
        return (_Cut(c.pixels, None, PAD_PIXELS, PAD_PIXELS, c.text, c.page) for c in drawn)
    return (
        _Cut(_scaled(pixels, NOMINAL / pixels.shape[0]), None, 0, 0, line.text, line.page)
        for line, pixels in read_pictures(corpus, path)
    )


def _page_cuts(folder: Path) -> Iterator[_Cut]:
    for page in read_pages(folder):
        strips = cut_lines(read_picture(page), page.lines, PAD)
        for line, strip in zip(page.lines, strips, strict=True):
            scale = (1 + 2 * PAD[0]) * NOMINAL / strip.image.shape[0]
            mask = None if strip.mask is None else _scaled(strip.mask, scale)
            yield _Cut(
                _scaled(strip.image, scale),
                mask,
                round(PAD[0] * NOMINAL),
                round(PAD[1] * NOMINAL),
                line.text,
                page.name,
            )


def _scaled(image: Grey, scale: float) -> Grey:
    size = (max(4, round(image.shape[1] * scale)), max(4, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)


def _defect(cut: _Cut) -> str:
    return defect_of(normalise_text(cut.text), cut.pixels.shape[1] - 2 * cut.left)


def defect_of(text: str, width: float) -> str:
    """Why a line cannot be learnt from, or an empty string.

    Args:
        text: normalised.
        width: of the line at a height of `NOMINAL` pixels.
    """
    if not text:
        return "empty"
    if is_markup(text):
        return "markup"
    if width > _MOST_PIXELS:
        return "too long"
    if not _PIXELS_PER_CHARACTER[0] <= width / len(text) <= _PIXELS_PER_CHARACTER[1]:
        return "text does not fit the picture"
    return ""
