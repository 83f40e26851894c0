"""What pages of HTML are made with that need nothing but themselves: templates, line pictures, a reliability plot."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rapidfuzz.distance import Levenshtein

from ocr_core.audit.figures import bounded, percent, visible
from ocr_core.audit.metrics.rates import Bin, LineScore
from ocr_core.records import GreyImage

PLOT: Final = 220
"""Side of the reliability plot in pixels."""
_WIDEST: Final = 1000  # pixels of a line's picture
_LONGEST_LABEL: Final = 66


def templates() -> Environment:
    """The templates of pages, which escape every text and tolerate no gap."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "percent": percent, "bounded": bounded, "visible": visible, "shortened": _shortened
    }  # fmt: skip
    return environment


def differences(score: LineScore) -> Iterator[tuple[str, str, str]]:
    """A line in pieces (kind, truth, reading), kind being `equal`, `replace`, `delete` or `insert`."""
    for code in Levenshtein.opcodes(score.truth, score.reading):
        yield (
            code.tag,
            score.truth[code.src_start : code.src_end],
            score.reading[code.dest_start : code.dest_end],
        )


def picture_uri(pixels: GreyImage) -> str:
    """A line's picture as a data URI, JPEG, at most `_WIDEST` pixels wide."""
    scale = min(1.0, _WIDEST / pixels.shape[1])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def plot_points(bins: Sequence[Bin]) -> list[tuple[float, float, float, Bin]]:
    """Centre and radius of each bin's dot in the reliability plot: confidence to the right, share right upwards."""
    most = max((b.characters for b in bins), default=1)
    return [
        (b.confidence * PLOT, (1 - b.right) * PLOT, 2 + 7 * math.sqrt(b.characters / most), b) for b in bins
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
