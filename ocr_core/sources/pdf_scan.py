"""Is a page of a PDF one scan, and how does the page show it? The stored image is compared with a drawing of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage, PageArray
from ocr_core.sources.poppler import POINTS_PER_INCH, PdfImage, PdfPage

FULL_PAGE = (0.95, 1.02)  # size of a scan against its page
SQUARE = 1.15  # largest ratio of x to y resolution for a scan to be used as it is
ALIKE = 0.97  # correlation from which a scan shows what the page shows
CERTAIN = 0.99  # … and from which no other way to turn it is tried
LOCAL = 28.0  # grey levels by which no spot of the two, slightly blurred, may differ
BRIGHTNESS = 16.0  # … nor their means
_SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
FLAT = 3.0  # standard deviation below which a thumbnail has no structure to correlate


def full_page_image(page: PdfPage, drawn: Sequence[PdfImage]) -> PdfImage | None:
    """The one image that covers the page, by its drawn size; None if there is none, or another large one."""
    large = [
        image
        for image in drawn
        if image.x_ppi > 0
        and image.y_ppi > 0
        and share_of_page(page, image) > 0.1
        and image.width * image.height > 4096
    ]
    if len(large) != 1 or large[0].kind != "image":  # masks and layers must be composed by poppler
        return None
    image = large[0]
    if max(image.x_ppi, image.y_ppi) > SQUARE * min(image.x_ppi, image.y_ppi):
        return None
    low, high = FULL_PAGE
    sides = image.width / image.x_ppi * POINTS_PER_INCH, image.height / image.y_ppi * POINTS_PER_INCH
    for width, height in ((page.width, page.height), (page.height, page.width)):
        if low <= sides[0] / width <= high and low <= sides[1] / height <= high:
            return image
    return None


def share_of_page(page: PdfPage, image: PdfImage) -> float:
    """Area of the drawn image as a share of the page's."""
    square_inches = image.width / image.x_ppi * image.height / image.y_ppi
    return square_inches * POINTS_PER_INCH**2 / (page.width * page.height)


def matching_turn(stored: PageArray, shown: GreyImage, rotation: int) -> tuple[int, bool] | None:
    """How to turn the stored image to look like the drawn page: (quarter turns clockwise, mirrored first).

    All eight ways are tried; None when none is alike (inverted, something drawn on top, a margin cut off).
    """
    grey = stored if stored.ndim == 2 else np.asarray(cv2.cvtColor(stored, cv2.COLOR_RGB2GRAY), np.uint8)
    expected = (rotation // 90 % 4, False)
    best, best_score = None, -1.0
    small = _thumbnail_of(grey, shown.shape, swapped=False)
    small_swapped = _thumbnail_of(grey, shown.shape, swapped=True)
    for turn in [expected] + [(q, m) for q in range(4) for m in (False, True) if (q, m) != expected]:
        if not _same_shape(grey.shape, shown.shape, swapped=turn[0] % 2 == 1):
            continue
        candidate = turned(small_swapped if turn[0] % 2 else small, turn)
        score = _alike(candidate, shown)
        if score > best_score + 0.01:  # of equals the expected one, which comes first
            best, best_score = turn, score
        if turn == expected and score > CERTAIN:
            break
    return best if best_score >= ALIKE else None


def _thumbnail_of(grey: GreyImage, shape: tuple[int, ...], *, swapped: bool) -> GreyImage:
    height, width = shape[::-1] if swapped else shape
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _same_shape(stored: tuple[int, ...], shown: tuple[int, ...], *, swapped: bool) -> bool:
    """Whether the proportions agree, within the unequal resolutions that a scan may have."""
    height, width = stored[::-1] if swapped else stored
    ratio = (width / height) / (shown[1] / shown[0])
    return 1 / (SQUARE * 1.05) < ratio < SQUARE * 1.05


def _alike(one: GreyImage, other: GreyImage) -> float:
    """Correlation of two images of the same shape, -1…1; of two flat ones, 1 if they are equally bright.

    -1 where one of them shows something at a place where the other does not: a stamp drawn over the scan.
    """
    a, b = _soft(one), _soft(other)
    if np.abs(a.mean() - b.mean()) > BRIGHTNESS:
        return -1.0
    best, nearest = -1.0, a
    for dy in _SHIFTS:  # poppler's scaling is off by up to a pixel
        for dx in _SHIFTS:
            matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
            warped = cv2.warpAffine(a, matrix, a.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            moved = np.asarray(warped, np.float32)
            score = _correlation(moved, b)
            if score > best:
                best, nearest = score, moved
    edge = 3
    difference = np.abs(nearest - b)[edge:-edge, edge:-edge]
    if difference.size and float(difference.max()) > LOCAL:
        return -1.0
    return 1.0 if min(float(a.std()), float(b.std())) < FLAT else best


def _soft(image: GreyImage) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.5), np.float32)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / math.sqrt(float((a * a).sum() * (b * b).sum()) or 1.0))


def turned(pixels: PageArray, turn: tuple[int, bool]) -> PageArray:
    quarters, mirrored = turn
    return np.rot90(pixels[:, ::-1] if mirrored else pixels, -quarters)
