"""Where cached lines may be cut: in the spaces between words, and through the letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.recognizers.crnn.network import REDUCTION
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import alignment
from ocr_core.training.crnn.evaluate import scores_of
from ocr_core.training.crnn.networks import LineNetwork, height_of
from ocr_core.training.data.cache import NOMINAL, CachedLine, LineCache

CUTS = "cuts.parquet"
"""Of a run, in its folder."""
_LEAST_LIKELY = -1.5
"""Log probability for each character below which picture and transcript are not trusted to belong together."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A space between words: its place in the transcript and a column of the cached strip inside it."""

    place: int
    column: int


@dataclass(frozen=True, slots=True)
class LineCuts:
    """Where one cached line may be cut.

    Attributes:
        gaps: from left to right; at least one.
        letters: a column inside each character of the transcript.
        likelihood: natural log probability of the transcript for each character, after the reader that found the places.
    """

    gaps: tuple[Gap, ...]
    letters: tuple[int, ...]
    likelihood: float


Cuts = dict[int, LineCuts]
"""Of rows of a line cache."""


def find_cuts(
    network: LineNetwork, cache: LineCache, rows: Sequence[int], charset: Charset, precision: str
) -> Cuts:
    """Where a reader finds the spaces and letters of lines that it reads about as they are transcribed.

    Other lines are left out, and those of a single word.
    """
    found: Cuts = {}
    for row, scores in scores_of(network, cache, rows, precision):
        text = cache.table["text"][row]
        path = alignment(scores.numpy(), tuple(charset.encode(text)))
        if path is None or path.log_probability < _LEAST_LIKELY * len(text):
            continue
        line = cache[row]
        pixels = REDUCTION * NOMINAL / height_of(network)
        middles = [line.left + (frame + 0.5) * pixels for frame in path.frames]
        light = _lightness(line)
        spaces = (i for i, c in enumerate(text) if c == " " and 0 < i < len(text) - 1)
        gaps = tuple(Gap(i, _lightest(light, middles[i - 1], middles[i + 1])) for i in spaces)
        if gaps:
            found[row] = LineCuts(gaps, tuple(map(round, middles)), path.log_probability / len(text))
    return found


def load_cuts(file: Path) -> Cuts:
    """What `save_cuts` wrote."""
    table = pq.read_table(file).to_pydict()
    columns = (table[name] for name in ("row", "places", "columns", "letters", "likelihood"))
    return {
        row: LineCuts(tuple(Gap(p, c) for p, c in zip(ps, cs, strict=True)), tuple(letters), likelihood)
        for row, ps, cs, letters, likelihood in zip(*columns, strict=True)
    }


def save_cuts(cuts: Cuts, file: Path) -> None:
    """Write cuts as Parquet, whole or not at all."""
    part = file.with_suffix(".part")
    lists = pa.list_(pa.int32())
    columns = {
        "row": pa.array(cuts, pa.int32()),
        "places": pa.array([[g.place for g in c.gaps] for c in cuts.values()], lists),
        "columns": pa.array([[g.column for g in c.gaps] for c in cuts.values()], lists),
        "letters": pa.array([c.letters for c in cuts.values()], lists),
        "likelihood": pa.array([c.likelihood for c in cuts.values()], pa.float64()),
    }
    pq.write_table(pa.table(columns), part)
    part.replace(file)


def _lightness(line: CachedLine) -> NDArray[np.float32]:
    """Mean grey of each column of the nominal region and its two neighbours, float32 [columns]."""
    means = line.pixels[line.top : line.top + NOMINAL].mean(axis=0)
    return np.convolve(np.pad(means, 1, mode="edge"), np.ones(3) / 3, mode="valid").astype(np.float32)


def _lightest(light: NDArray[np.float32], start: float, end: float) -> int:
    """The lightest column in the middle half between two letters' middles."""
    quarter = (end - start) / 4
    first = int(np.clip(start + quarter, 0, len(light) - 1))
    last = int(np.clip(end - quarter, first + 1, len(light)))
    return first + int(light[first:last].argmax())
