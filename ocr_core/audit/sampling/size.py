"""How many lines have to be transcribed for an error rate to be as exact as wanted."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from ocr_core.audit.metrics.text import RAW
from ocr_core.audit.sampling.draw import Frame
from ocr_core.library import Library

_Z: Final = 1.96
_LEAST_LINES: Final = 50
_LEAST_PAGES: Final = 8
_SPREAD: Final = 0.4
_ALIKE: Final = 0.2
EXPECTED: Final = 0.1
"""The error rate that is taken for granted where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """What is known of the errors beforehand.

    Attributes:
        cer: the error rate.
        deviation: standard deviation of a line's errors about what its length lets expect, over the mean length.
        correlation: of two lines of one page in this, 0..1.
        source: in words, where this is from.
    """

    cer: float
    deviation: float
    correlation: float
    source: str


@dataclass(frozen=True, slots=True)
class Needed:
    """What a precision takes. `lines` and `pages` are None where even all pages of the library would not do.

    `design_effect` is by how many times more lines are needed than if each were from a page of its own.
    """

    per_page: int
    lines: int | None
    pages: int | None
    design_effect: float


def assumed(cer: float = EXPECTED) -> Pilot:
    """Without a measurement: lines vary by 0.4 √(p (1 - p)), and lines of a page correlate by 0.2.

    Three letters of the samples, read by crnn-latin: 0.37 √(p (1 - p)) and 0.08.
    """
    return Pilot(cer, _SPREAD * math.sqrt(cer * (1 - cer)), _ALIKE, "assumed, nothing was measured yet")


def pilot_of(library: Library) -> Pilot | None:
    """From the newest audit that has enough lines and pages; None where there is none."""
    query = """
        WITH sizes AS (
          SELECT audit_id, label, max(created_at) AS told_at FROM audits WHERE normalisation = $raw
          GROUP BY ALL HAVING count(*) >= $lines AND count(DISTINCT page_id) >= $pages)
        SELECT audit_id, page_id, chars, char_edits FROM audits
        SEMI JOIN (FROM sizes ORDER BY told_at DESC LIMIT 1) USING (audit_id, label) WHERE normalisation = $raw
    """
    parameters = {"raw": RAW, "lines": _LEAST_LINES, "pages": _LEAST_PAGES}
    rows = library.reading(lambda con: con.execute(query, parameters).fetchall(), results=False)
    chars = np.array([row[2] for row in rows], dtype=np.float64)
    edits = np.array([row[3] for row in rows], dtype=np.float64)
    if not chars.sum() or not edits.sum():
        return None
    cer = float(edits.sum() / chars.sum())
    errors = (edits - cer * chars) / chars.mean()
    correlation = _correlation(errors, [row[1] for row in rows])
    source = f"measured by audit {rows[0][0]} on {len(rows)} lines"
    return Pilot(cer, float(errors.std(ddof=1)), correlation, source)


def needed(frame: Frame, pilot: Pilot, precision: float, per_page: int) -> Needed:
    """Pages and lines so that the 95 % interval reaches `precision` to both sides.

    The variance of two stages (Cochran 1977, section 10.3), solved for the pages: what pages differ in, less for the share
    of all pages that is drawn, and what lines of a page differ in, less for the share of its lines.

    Args:
        precision: half the width of the interval, 0..1 (0.01 for ±1 %).
        per_page: lines of a page.
    """
    taken = frame.drawn_per_page(per_page)
    on_page = max(frame.lines / frame.pages, taken)
    variance, rho = pilot.deviation**2, pilot.correlation
    between = variance * (rho + (1 - rho) / on_page)
    within = variance * (1 - rho) * (1 / taken - 1 / on_page)
    pages = math.ceil((between + within) / ((precision / _Z) ** 2 + between / frame.pages))
    effect = 1 + (taken - 1) * rho
    if pages > frame.pages:
        return Needed(per_page, None, None, effect)
    return Needed(per_page, math.ceil(pages * taken), pages, effect)


def _correlation(values: np.ndarray, pages: list[str]) -> float:
    """Intraclass correlation by analysis of variance (Donner 1986), kept within 0..1."""
    groups: dict[str, list[float]] = defaultdict(list)
    for page, value in zip(pages, values.tolist(), strict=True):
        groups[page].append(value)
    count, lines = len(groups), len(values)
    if count < 2 or lines == count:
        return _ALIKE
    means = {page: float(np.mean(own)) for page, own in groups.items()}
    overall = float(values.mean())
    between = sum(len(own) * (means[page] - overall) ** 2 for page, own in groups.items()) / (count - 1)
    within = sum((v - means[page]) ** 2 for page, own in groups.items() for v in own) / (lines - count)
    size = (lines - sum(len(own) ** 2 for own in groups.values()) / lines) / (count - 1)
    total = between + (size - 1) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0 else 0.0
