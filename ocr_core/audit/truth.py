"""What of the ground truth can be measured, and how its text is compared.

A line or page that cannot be measured becomes an `Omission` with its reason; none disappears.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ocr_core.ground_truth import TruthLine, TruthPage

_INVISIBLE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0640]")


@dataclass(frozen=True, slots=True)
class Omission:
    """What could not be measured. `line` is empty when it is a whole page."""

    page: str
    line: str
    reason: str


def comparable(text: str) -> str:
    """Text as it is compared: NFC, bidi controls and tatweel removed, white space folded; all else counts."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def measurable(page: TruthPage) -> tuple[list[TruthLine], list[Omission]]:
    """The lines of a page that have text and an outline, and the others with what they lack."""
    lines: list[TruthLine] = []
    omissions = [] if page.lines else [Omission(page.name, "", "no lines")]
    for line in page.lines:
        if not comparable(line.text):
            omissions.append(Omission(page.name, line.name, "no text"))
        elif not len(line.outline):
            omissions.append(Omission(page.name, line.name, "no outline"))
        else:
            lines.append(line)
    return lines, omissions
