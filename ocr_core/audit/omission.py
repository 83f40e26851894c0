"""What is left out of a measurement is told with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Omission:
    """What could not be measured. `line` is empty when it is a whole page."""

    page: str
    line: str
    reason: str
