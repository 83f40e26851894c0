"""Where the spaces between words stand in cached lines: what `splice` cuts at."""

from __future__ import annotations

from collections.abc import Sequence
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
from ocr_core.training.crnn.splice import Gap, Gaps
from ocr_core.training.data.cache import NOMINAL, CachedLine, LineCache

GAPS = "gaps.parquet"
"""Of a run, in its folder."""
_LEAST_LIKELY = -1.5
"""Log probability for each character below which picture and transcript are not trusted to belong together."""


def find_gaps(
    network: LineNetwork, cache: LineCache, rows: Sequence[int], charset: Charset, precision: str
) -> Gaps:
    """Where a reader finds the spaces of lines that it reads about as they are transcribed; other lines are left out."""
    found: Gaps = {}
    for row, scores in scores_of(network, cache, rows, precision):
        text = cache.table["text"][row]
        path = alignment(scores.numpy(), tuple(charset.encode(text)))
        if path is None or path.log_probability < _LEAST_LIKELY * len(text):
            continue
        line = cache[row]
        pixels = REDUCTION * NOMINAL / height_of(network)
        ends = [line.left + (frame + 0.5) * pixels for frame in path.frames]
        light = _lightness(line)
        spaces = (i for i, c in enumerate(text) if c == " " and 0 < i < len(text) - 1)
        gaps = tuple(Gap(i, _lightest(light, ends[i - 1], ends[i + 1])) for i in spaces)
        if gaps:
            found[row] = gaps
    return found


def load_gaps(file: Path) -> Gaps:
    """What `save_gaps` wrote."""
    table = pq.read_table(file).to_pydict()
    columns = (table[name] for name in ("row", "places", "columns"))
    return {
        row: tuple(Gap(p, c) for p, c in zip(ps, cs, strict=True))
        for row, ps, cs in zip(*columns, strict=True)
    }


def save_gaps(gaps: Gaps, file: Path) -> None:
    """Write gaps as Parquet, whole or not at all."""
    part = file.with_suffix(".part")
    columns = {
        "row": pa.array(gaps, pa.int32()),
        "places": pa.array([[g.place for g in gs] for gs in gaps.values()], pa.list_(pa.int32())),
        "columns": pa.array([[g.column for g in gs] for gs in gaps.values()], pa.list_(pa.int32())),
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
