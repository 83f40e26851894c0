"""Evaluations as people and programs want them: text, JSON, and a page of HTML that needs nothing but itself."""

from __future__ import annotations

import base64
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rapidfuzz.distance import Levenshtein

from ocr_core.audit.evaluate import Evaluation
from ocr_core.audit.intervals import Rate
from ocr_core.audit.rates import Bin, LineScore
from ocr_core.records import GreyImage
from ocr_core.search.render import printable

_WIDEST = 1000
"""Pixels of a line's picture in the report."""
PLOT = 220
"""Side of the reliability plot in pixels."""
_LONGEST_LABEL = 66


def as_json(evaluation: Evaluation, *, lines: bool = False) -> dict[str, Any]:
    """An evaluation as plain values; with `lines`, also every line's texts and edits."""
    stamp = evaluation.engine
    values: dict[str, Any] = {
        "engine": {
            "name": stamp.name,
            "version": stamp.version,
            "weights_sha256": stamp.weights_sha256,
            "settings": dict(stamp.settings),
        },
        "pages": len(evaluation.pages),
        "lines": len(evaluation.scores),
        "characters": sum(p.characters for p in evaluation.pages),
        "cer": asdict(evaluation.cer),
        "wer": asdict(evaluation.wer),
        "folded": [asdict(rates) for rates in evaluation.folded],
        "calibration_error": evaluation.calibration_error,
        "seconds": evaluation.seconds,
        "by_page": [asdict(p) | {"cer": p.cer, "wer": p.wer} for p in evaluation.pages],
        "confusions": [asdict(c) for c in evaluation.confusions],
        "reliability": [asdict(b) for b in evaluation.reliability],
        "worst": [asdict(w.score) for w in evaluation.worst],
        "omissions": [asdict(o) for o in evaluation.omissions],
        "unread": [asdict(o) for o in evaluation.unread],
    }
    if lines:
        values["by_line"] = [asdict(s) for s in evaluation.scores]
    return values


def as_text(evaluation: Evaluation, most: int = 15) -> str:
    """Tab-separated rates of every page, then a summary; `most` confusions."""
    rows = ["page\tlines\tcharacters\tCER\tWER"]
    rows += [
        f"{printable(p.page)}\t{p.lines}\t{p.characters}\t{p.cer:.4f}\t{p.wer:.4f}" for p in evaluation.pages
    ]
    stamp = evaluation.engine
    settings = ", ".join(f"{key} {value[:12]}" for key, value in stamp.settings)
    lines = len(evaluation.scores)
    rows += [
        "",
        f"engine\t{stamp.name} {stamp.version} ({settings})",
        f"pages\t{len(evaluation.pages)}",
        f"lines\t{lines}",
        f"CER\t{bounded(evaluation.cer)}",
        f"WER\t{bounded(evaluation.wer)}",
        *(f"CER, {f.name}\t{bounded(f.cer)}\nWER, {f.name}\t{bounded(f.wer)}" for f in evaluation.folded),
        f"expected calibration error\t{evaluation.calibration_error:.4f}",
        f"lines a second\t{lines / max(evaluation.seconds, 1e-9):.0f}",
    ]
    frequent = [f"{visible(c.truth)}→{visible(c.reading)} {c.count}" for c in evaluation.confusions[:most]]
    rows.append("confusions\t" + (", ".join(frequent) or "none"))
    return "\n".join(rows) + "\n"


def as_html(evaluation: Evaluation, most: int = 60) -> str:
    """A self-contained page: style, plot and line pictures inside, no script, no network. All texts are escaped."""
    return (
        templates()
        .get_template("evaluation.html.j2")
        .render(
            evaluation=evaluation,
            characters=sum(p.characters for p in evaluation.pages),
            pages=sorted(evaluation.pages, key=lambda p: -p.cer),
            confusions=evaluation.confusions[:most],
            worst=[
                (line.score, picture_uri(line.pixels), list(differences(line.score)))
                for line in evaluation.worst
            ],
            plot=plot_points(evaluation.reliability),
            side=PLOT,
        )
    )


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


def percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.2f} %"


def bounded(rate: Rate) -> str:
    """A rate with its 95 % interval, in per cent."""
    if rate.low is None or rate.high is None:
        return percent(rate.value)
    return f"{percent(rate.value)} ({100 * rate.low:.2f}–{100 * rate.high:.2f})"


def visible(character: str) -> str:
    """A character as it can be seen in a table: space as ␣, nothing as ∅, marks and controls by their names."""
    if not character:
        return "∅"
    if character == " ":
        return "␣"
    if unicodedata.category(character)[0] in "CMZ":
        return unicodedata.name(character, f"U+{ord(character):04X}")
    return character


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


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
