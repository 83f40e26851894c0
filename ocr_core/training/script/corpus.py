"""Real lines to train the script network on, with what is known of them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ocr_core.errors import UsageError
from ocr_core.ground_truth import TruthPage, read_parquet
from ocr_core.records import GreyImage, Script
from ocr_core.script.network import SCRIPTS
from ocr_core.script.windows import scale_to_height
from ocr_core.training.data.cache import document_of
from ocr_core.training.data.ground_truth import cut_lines, read_pages, read_picture
from ocr_core.training.script.config import ScriptCorpusSettings

STORED_HEIGHT = 72
PAD = 0.25
"""Real lines are stored with this share of their height more above and below, for the framing to vary."""

LATIN, ARABIC, OTHER, NONE = (
    SCRIPTS.index(s) for s in (Script.LATIN, Script.ARABIC, Script.OTHER, Script.NONE)
)
HAND, PRINT, UNKNOWN = 1, 0, -1
HANDS = {"written": HAND, "printed": PRINT, "unknown": UNKNOWN}


@dataclass(frozen=True, slots=True)
class Sample:
    """A line with its labels.

    Attributes:
        pixels: grey uint8 ``[about 72, width]``.
        script: index into `network.SCRIPTS`.
        hand: HAND, PRINT or UNKNOWN.
        source: which set it is from.
        pad: share of `STORED_HEIGHT` above and below that is there only to vary the framing.
    """

    pixels: GreyImage
    script: int
    hand: int
    source: str
    pad: float = 0.0


@dataclass(frozen=True, slots=True)
class RealLine:
    """A real Latin line: `full` and `faded` (what lies outside its outline faded), both with the pad."""

    full: GreyImage
    faded: GreyImage
    text: str
    hand: int
    source: str
    document: str


def has_letters(text: str) -> bool:
    return any(c.isalpha() for c in text)


def corpus_lines(corpus: ScriptCorpusSettings, data: Path) -> Iterator[RealLine]:
    """The lines of a corpus, cut as the pipeline cuts them.

    Raises:
        UsageError: it cannot be read.
    """
    path = data / corpus.path
    if not path.exists():
        raise UsageError(
            f"No data {path}", remedy="Correct `data` or the corpus in the training configuration."
        )
    if corpus.format == "parquet":
        yield from _parquet_lines(path, corpus)
        return
    for page in read_pages(path):
        yield from cut_page(page, corpus.name, document_of(page.name, corpus), HANDS[corpus.hand])


def cut_page(page: TruthPage, source: str, document: str, hand: int, pad: float = PAD) -> Iterator[RealLine]:
    """The lines of one page.

    Raises:
        UsageError: its image cannot be read.
    """
    tags = _hand_tags(page.path)
    strips = cut_lines(read_picture(page), page.lines, (pad, 0.1 if pad else 0.0))
    for line, strip in zip(page.lines, strips, strict=True):
        height = round(STORED_HEIGHT * (1 + 2 * pad))
        full, faded = (scale_to_height(part, height) for part in (strip.image, strip.faded()))
        yield RealLine(full, faded, line.text, tags.get(line.name, hand), source, document)


def _parquet_lines(path: Path, corpus: ScriptCorpusSettings) -> Iterator[RealLine]:
    """Cut lines, with a margin of light ground as pad."""
    for number, line in enumerate(line for line in read_parquet(path) if line.text):
        drawn = None if number % corpus.every else line.pixels()
        if drawn is None or min(drawn.shape) < 8:
            continue
        pixels = scale_to_height(drawn, STORED_HEIGHT)
        rows = round(PAD * STORED_HEIGHT)
        ground = int(np.percentile(pixels, 80))
        padded = cv2.copyMakeBorder(pixels, rows, rows, 8, 8, cv2.BORDER_CONSTANT, value=(ground,))
        grey = np.asarray(padded, dtype=np.uint8)
        document = document_of(line.page, corpus)
        yield RealLine(grey, grey, line.text, HANDS[corpus.hand], corpus.name, document)


def _hand_tags(path: Path) -> dict[str, int]:
    """Id of the line → HAND or PRINT, where an ALTO file tags its lines so."""
    root = ElementTree.parse(path).getroot()  # noqa: S314 - data of the trainer's own choice
    space = {"a": root.tag.partition("}")[0][1:]}
    kinds = {}
    for tag in root.iterfind(".//a:OtherTag", space):
        label = tag.get("LABEL", "")
        if label.endswith(("Typewritten", "Print")):
            kinds[tag.get("ID", "")] = PRINT
        elif label.endswith(("Handwritten", "Signature")):
            kinds[tag.get("ID", "")] = HAND
    found: dict[str, int] = {}
    for line in root.iterfind(".//a:TextLine", space):
        hands = [kinds[t] for t in line.get("TAGREFS", "").split() if t in kinds]
        if hands:
            found[line.get("ID", "")] = hands[0]
    return found


def papers(images: Sequence[Path], count: int, rng: np.random.Generator) -> list[GreyImage]:
    """Pieces of empty paper, uint8 ``[72, about 300]``, from images of pages, at the size of stored lines."""
    found: list[GreyImage] = []
    for path in (images[i] for i in rng.permutation(len(images))):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            continue
        rows, columns = image.shape
        tall, wide = rows // 22, rows // 5
        for _ in range(30):
            y, x = int(rng.integers(0, rows - tall)), int(rng.integers(0, max(1, columns - wide)))
            piece = scale_to_height(
                np.asarray(image[y : y + tall, x : x + wide], dtype=np.uint8), STORED_HEIGHT
            )
            light = float(np.median(piece))
            if light > 120 and float(piece.min()) > 0.72 * light:
                found.append(piece)
        if len(found) >= count:
            break
    return found[:count]
