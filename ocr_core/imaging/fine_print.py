"""Is the writing on a reduced page too small to be told apart?"""

from __future__ import annotations

import cv2
import numpy as np

from ocr_core.imaging.masks import components, median
from ocr_core.records import GreyImage

_INK = 60
"""Grey levels below the paper."""
_LOW = 8
"""Pixels: where half of the ink belongs to lower components, lines run together. On pages of books and letters whose longer
side has 1200 pixels it belongs to components of 9 pixels and more."""
_MANY = 1000
"""Fewer components are no sheet full of writing, but dust."""
_TALLEST = 0.1
"""Share of the page's height: what is taller is no letter."""


def is_fine_print(evened: GreyImage) -> bool:
    """Whether an evened page is full of writing a few pixels high."""
    ink = (evened < median(evened) - _INK).astype(np.uint8)
    _, stats = components(ink)
    height, area = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    letters = (height > 1) & (area > 3) & (height < _TALLEST * len(evened))
    low = letters & (height < _LOW)
    return bool(letters.sum() >= _MANY and 2 * area[low].sum() > area[letters].sum())
