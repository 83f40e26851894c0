"""Small charts as SVG, for pages that must stand on their own. Every text is escaped."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

import cv2
import numpy as np

from ocr_core.records import GreyImage

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 260, 52, 34, 26
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#b83280", "#6b46c1", "#b7791f", "#2c7a7b", "#4a5568")
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1120px;padding:0 1em;color:#1a202c}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #cbd5e0;padding:.25em .6em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}th{background:#edf2f7}figure{display:inline-block;margin:.5em}"
    "figcaption{font-size:13px;max-width:520px}img{max-width:520px;border:1px solid #e2e8f0}svg{margin:.4em}"
)

Points = Sequence[tuple[float, float]]


def line_chart(title: str, series: Mapping[str, Points], unit: str, across: str = "step") -> str:
    """Lines over a common axis. Points that are not numbers are left out; the vertical axis begins at 0."""
    kept = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    every = [p for points in kept.values() for p in points]
    x0, x1 = min((x for x, _ in every), default=0.0), max((x for x, _ in every), default=1.0)
    top = _nice(max((y for _, y in every), default=1.0))
    body = []
    for number, (name, points) in enumerate(kept.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(_across(x, x0, x1), _up(y, top)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
        y = _TOP + 14 * number + 8
        body.append(
            f'<text x="{_WIDTH - 8}" y="{y}" text-anchor="end" font-size="12" fill="{colour}">{escape(name)}</text>'
        )
    return _frame(title, unit, top, (f"{x0:g}", f"{x1:g} {across}"), "".join(body))


def histogram(title: str, values: Sequence[float], unit: str, bins: int = 30) -> str:
    """How often values occur, in steps of equal width."""
    counts, edges = np.histogram(np.asarray(values, dtype=np.float64), bins=bins)
    return _bars(title, [(float(c), "") for c in counts], (f"{edges[0]:g}", f"{edges[-1]:g} {unit}"))


def bar_chart(title: str, counts: Mapping[str, int]) -> str:
    """A bar for each name, in their order."""
    return _bars(title, [(float(c), name) for name, c in counts.items()], ("", ""))


def picture(image: GreyImage, caption: str) -> str:
    """A grey picture as a figure, inside the page."""
    done, data = cv2.imencode(".png", image)
    if not done:
        return ""
    source = base64.b64encode(data.tobytes()).decode()
    return (
        f'<figure><img alt="" src="data:image/png;base64,{source}"><figcaption dir="auto">{escape(caption)}'
        "</figcaption></figure>"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table; numbers with four figures."""
    head = "".join(f"<th>{escape(h)}</th>" for h in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(shown(v))}</td>" for v in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def page(title: str, body: str) -> str:
    """A whole HTML page that loads nothing."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )


def shown(value: object) -> str:
    """A value as text: numbers with four figures, none as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _bars(title: str, bars: Sequence[tuple[float, str]], ends: tuple[str, str]) -> str:
    top = _nice(max((height for height, _ in bars), default=1.0))
    step = (_WIDTH - _LEFT - 10) / max(len(bars), 1)
    body = []
    for place, (height, name) in enumerate(bars):
        x, y = _LEFT + place * step, _up(height, top)
        body.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 1, 0.5):.1f}" '
            f'height="{_HEIGHT - _BOTTOM - y:.1f}" fill="{_COLOURS[0]}"><title>{escape(name)} {height:g}</title></rect>'
        )
        if name:
            body.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT - _BOTTOM + 13}" font-size="10" text-anchor="middle">'
                f"{escape(name)}</text>"
            )
    return _frame(title, "", top, ends, "".join(body))


def _frame(title: str, unit: str, top: float, ends: tuple[str, str], body: str) -> str:
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{_up(v, top):.1f}" y2="{_up(v, top):.1f}" stroke="#e2e8f0"/>'
        f'<text x="{_LEFT - 5}" y="{_up(v, top) + 4:.1f}" font-size="11" text-anchor="end">{v:g}</text>'
        for v in (0, top / 2, top)
    )
    label = f"{title} ({unit})" if unit else title
    return (
        f'<svg role="img" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'xmlns="http://www.w3.org/2000/svg" font-family="system-ui,sans-serif">'
        f'<text x="{_LEFT}" y="14" font-size="13" font-weight="bold">{escape(label)}</text>{grid}{body}'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}" font-size="11">{escape(ends[0])}</text>'
        f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 4}" font-size="11" text-anchor="end">{escape(ends[1])}</text></svg>'
    )


def _across(x: float, low: float, high: float) -> float:
    return _LEFT + (x - low) / ((high - low) or 1) * (_WIDTH - _LEFT - 10)


def _up(y: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - _TOP)


def _nice(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 5, 10) if f * power >= value * 0.999)
