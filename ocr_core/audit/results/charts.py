"""Rates with their intervals, as dots and lines that a template draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_core.audit.figures import bounded
from ocr_core.audit.metrics.intervals import Rate

_LEFT, _RIGHT, _WIDTH = 360, 20, 860
_ROW, _BOTTOM = 24, 20
_COLOUR, _OUTSTANDING = "#1565c0", "#c62828"


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One rate: where its dot and the ends of its line are, in pixels; `told` in words."""

    name: str
    told: str
    y: float
    x: float
    low: float | None
    high: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A forest plot. `ticks` are places and texts along the axis."""

    label: str
    width: int
    height: int
    left: int
    ticks: list[tuple[float, str]]
    rows: list[ChartRow]


def forest(label: str, rates: Sequence[tuple[str, Rate]], outstanding: Sequence[bool] = ()) -> Chart:
    """A row for each rate; the axis spans all intervals and 0.

    Args:
        outstanding: which rows are drawn in red.
    """
    ends = [
        end
        for _, rate in rates
        for end in (rate.value, rate.low, rate.high)
        if end is not None and math.isfinite(end)
    ]
    least, most = min([0.0, *ends]), max([0.001, *ends])
    step = _step(most - least)
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)

    def place(value: float) -> float:
        share = (value / step - first) / max(last - first, 1)
        return round(_LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT), 1)

    rows = [
        ChartRow(
            name,
            bounded(rate),
            _ROW * (number + 0.5),
            place(rate.value),
            None if rate.low is None else place(rate.low),
            None if rate.high is None else place(rate.high),
            _OUTSTANDING if outstanding and outstanding[number] else _COLOUR,
        )
        for number, (name, rate) in enumerate(rates)
    ]
    ticks = [(place(n * step), f"{100 * n * step:.6g} %") for n in range(first, last + 1)]
    return Chart(label, _WIDTH, _ROW * len(rates) + _BOTTOM, _LEFT, ticks, rows)


def _step(span: float) -> float:
    """The width of a tick: 1, 2 or 5 times a power of ten, so that there are 3 to 8."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 8)
