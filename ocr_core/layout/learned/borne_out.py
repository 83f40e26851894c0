"""Short lines that the network half sees, such as insertions and notes in pencil: lines where ink is left for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.assign import core_ink
from ocr_core.layout.ink import Ink
from ocr_core.layout.ridges import Ridge

_LEFT_OVER = 0.5
"""Share of the ink along a doubtful line that no sure line has in its core, …"""
_WIDE, _TALL, _DENSE = 1.2, (0.3, 3.5), 0.12
"""… and what its components measure across at least, down, and in area at least, in heights of letters."""


def borne_out(doubtful: list[Ridge], ink: Ink, sure: list[Ridge]) -> list[Ridge]:
    """The doubtful lines to which the sure ones leave as much ink as makes a word."""
    taken = np.zeros(len(ink.stats), bool)
    for ridge in sure if doubtful else []:
        taken[core_ink(ink, ridge)] = True
    return [ridge for ridge in doubtful if _has_word(core_ink(ink, ridge), ink, taken)]


def _has_word(core: NDArray[np.int32], ink: Ink, taken: NDArray[np.bool_]) -> bool:
    """Whether components of `core`, [n], that are not taken, [components of the page], make a word."""
    free = core[~taken[core]]
    if not len(free) or len(free) < _LEFT_OVER * len(core):
        return False
    left, top, width, height, area = ink.stats[np.unique(free)].T / ink.letter
    across, down = ((low + size).max() - low.min() for low, size in ((left, width), (top, height)))
    return bool(across >= _WIDE and _TALL[0] <= down <= _TALL[1] and area.sum() >= _DENSE * ink.letter)
