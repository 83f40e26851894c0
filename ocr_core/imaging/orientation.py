"""Which way up a page lies: a small network says of each place with ink how it is turned, and the places vote.

The network is convolutional, so the page goes through it once, reduced. It has learnt Latin and Arabic pages, by hand and in
print, so what it goes by are letters rather than layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import ModelError
from ocr_core.imaging.geometry import quarter, reduced
from ocr_core.models import verified_bytes
from ocr_core.models.opencv import load_network
from ocr_core.records import GreyImage

MODEL = "orientation"
"""The packaged network."""
LONGEST, FINER = 800, 1200
"""Longer side, in pixels, of the copy that the network sees; and of the one it sees as well where that leaves doubt."""
QUARTERS = (0, 90, 180, 270)
CELL = 16
"""Pixels of that copy for which there is one vote."""
_INK, _SOLID = 0.012, 0.6
"""Shares of a cell that is dark between which it holds writing."""
_FEWEST = 100
"""Fewer cells with ink, three or four lines, are too few words to go by."""
_CLEAR = 0.5
"""No closer look is taken where the first turn is so far ahead of the second, in shares of the votes."""
_AHEAD, _UPRIGHT = 0.08, 0.22
"""A page is turned where two looks agree and the turn is so far ahead of any other, and so far ahead of standing upright:
an upright page that is turned loses more than a lying one that is left."""
_ALL_AHEAD = 0.05
"""… or where it is so far ahead in the looks at the page turned by all four quarters, in each size first: what the network
thinks of a page as it lies and of the same page on its side are separate opinions, and their mean errs less."""
_ALONE = 0.3
"""Where there is no closer look to take, it has to be so far ahead."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a page lies.

    Attributes:
        turn_deg: by how much it has to be turned clockwise to stand upright: 0, 90, 180 or 270.
        confidence: share of the votes for that, 0..1.
        sure: whether the page should be turned so; never where it stands upright.
    """

    turn_deg: int
    confidence: float
    sure: bool


def estimate_orientation(evened: GreyImage, network: cv2.dnn.Net | None = None) -> Orientation:
    """How a page lies, skewed by no more than about 15°.

    Args:
        evened: uint8 [height, width], dark ink on even, light ground.
        network: another one than the packaged one. Without either every page is upright, with confidence 0.
    """
    network = network or packaged_network()
    if network is None or min(evened.shape) < 2 * CELL:
        return Orientation(0, 0.0, False)
    shares, cells = _votes(evened, network, LONGEST)
    best, sure = int(np.argmax(shares)), _lead(shares) >= _ALONE
    if _lead(shares) < _CLEAR and max(evened.shape) > LONGEST:
        closer, _ = _votes(evened, network, FINER)
        agreed = int(np.argmax(closer)) == best
        shares = (shares + closer) / 2
        best = int(np.argmax(shares))
        sure = agreed and _lead(shares) >= _AHEAD and bool(shares[best] - shares[0] >= _UPRIGHT)
        if not sure and cells >= _FEWEST:
            looks = [_votes_all_round(evened, network, longest) for longest in (LONGEST, FINER)]
            shares = (looks[0] + looks[1]) / 2
            best = int(np.argmax(shares))
            sure = _lead(shares) >= _ALL_AHEAD and all(int(np.argmax(look)) == best for look in looks)
    sure = sure and best > 0 and cells >= _FEWEST
    return Orientation(90 * best, float(shares[best]), bool(sure))


def _votes_all_round(evened: GreyImage, network: cv2.dnn.Net, longest: int) -> NDArray[np.float64]:
    """The mean [4] of the votes on a page turned by each quarter, as votes on the page as it lies."""
    return np.asarray(
        np.mean(
            [np.roll(_votes(quarter(evened, turn)[0], network, longest)[0], turn // 90) for turn in QUARTERS],
            axis=0,
        )
    )


def _lead(shares: NDArray[np.float64]) -> float:
    """By how much the first of some shares is ahead of the second."""
    second, first = np.sort(shares)[-2:]
    return float(first - second)


@lru_cache(maxsize=1)
def packaged_network() -> cv2.dnn.Net | None:
    """The packaged network, loaded and checked once a process; None where there is none."""
    try:
        return load_network(verified_bytes(MODEL)[1], MODEL)
    except ModelError:
        return None


def _votes(evened: GreyImage, network: cv2.dnn.Net, longest: int) -> tuple[NDArray[np.float64], int]:
    """The mean probability [4] of each quarter turn over the cells with ink, and how many those are."""
    small, _ = reduced(evened, longest)
    height, width = (-(-side // CELL) * CELL for side in small.shape)
    page = np.zeros((1, 1, height, width), np.float32)
    page[0, 0, : small.shape[0], : small.shape[1]] = (255 - small).astype(np.float32) * np.float32(1 / 255)
    network.setInput(page)
    scores = np.asarray(network.forward(), np.float64)[0]
    scores = np.exp(scores - scores.max(axis=0))
    inked = with_ink(page[0, 0])
    if not inked.any():
        return np.array([1.0, 0.0, 0.0, 0.0]), 0
    return (scores / scores.sum(axis=0))[:, inked].mean(axis=1), int(inked.sum())


def with_ink(page: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which cells of a page, float32 [H, W] with ink 1, hold writing rather than nothing or a plate: [H/16, W/16]."""
    height, width = page.shape
    dark = (page > 0.3).astype(np.float32).reshape(height // CELL, CELL, width // CELL, CELL)
    share = dark.mean(axis=(1, 3))
    return np.asarray((share > _INK) & (share < _SOLID))
