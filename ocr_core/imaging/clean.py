"""From the pixels of a page to a page ready for layout: grey, upright, straight, evenly lit, its dark surround whitened."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from ocr_core.imaging.background import dark_border, even
from ocr_core.imaging.blank import is_blank
from ocr_core.imaging.fine_print import is_fine_print
from ocr_core.imaging.geometry import Affine, compose, quarter, reduced, rotate
from ocr_core.imaging.orientation import estimate_orientation
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.imaging.skew import SkewEstimate, estimate_skew
from ocr_core.records import CleanPage, GreyImage, PageArray

log = logging.getLogger(__name__)

LONGEST = 1200
"""Longer side, in pixels, of the copy that is cleaned: lines of writing are found on it as well as on more …"""
_FINER = (2400, 3600)
"""… but those of newspapers, plans and other large sheets, whose letters would be lost. It bounds time and memory whatever
the size of the scan."""
_TINY = 48
"""A page whose shorter side has fewer pixels holds no more than a line: its angle cannot be trusted."""


def clean_page(pixels: PageArray, *, settings: ImagingSettings | None = None) -> CleanPage:
    """Prepare a page.

    `grey` is a reduced copy where `pixels` has a side of more than `LONGEST`, or of more than two or three times as much
    where writing is small for its sheet; a rotated page grows by its corners.

    Args:
        pixels: uint8, [height, width] grey or [height, width, 3] RGB, turned as the file says; at least one pixel.
        settings: bounds and switches; the defaults where None.

    Raises:
        ValueError: not an image of one of these shapes.
    """
    settings = settings or ImagingSettings()
    grey = to_grey(pixels)
    evened, to_original = _evened(grey, LONGEST, settings)
    for longest in _FINER:
        if max(grey.shape) <= max(evened.shape) or not is_fine_print(evened):
            break
        evened, to_original = _evened(grey, longest, settings)
    if min(evened.shape) < _TINY:
        return CleanPage(evened, to_original, blank=settings.find_blank and is_blank(evened))
    if settings.find_blank and is_blank(evened):
        return CleanPage(evened, to_original, blank=True)
    turn = _turn(evened, settings)
    upright, to_evened = quarter(evened, turn)
    to_original = compose(to_original, to_evened)
    skew = estimate_skew(upright, max_deg=settings.max_skew_deg)
    if not _applies(skew, settings):
        log.debug("skew %.2f° stored only, confidence %.2f", skew.angle_deg, skew.confidence)
        return CleanPage(upright, to_original, rotation=turn, skew_deg=skew.angle_deg)
    straight, to_upright = rotate(upright, skew.angle_deg)
    return CleanPage(straight, compose(to_original, to_upright), rotation=turn, skew_deg=skew.angle_deg)


def _evened(grey: GreyImage, longest: int, settings: ImagingSettings) -> tuple[GreyImage, Affine]:
    """A copy of at most `longest` pixels, evenly lit and without its dark surround, and the map from it to `grey`."""
    small, to_original = reduced(grey, longest)
    if min(small.shape) < _TINY:
        return even(small) if settings.even_background and min(small.shape) >= 8 else small, to_original
    border = dark_border(small) if settings.remove_borders else None
    return even(small, border) if settings.even_background else _whitened(small, border), to_original


def _turn(evened: GreyImage, settings: ImagingSettings) -> int:
    """By how much the page has to be turned clockwise to stand upright; 0 unless that is sure."""
    if not settings.find_orientation:
        return 0
    found = estimate_orientation(evened)
    if found.turn_deg and not found.sure:
        log.debug("turned by %d° or not, confidence %.2f: left as it lies", found.turn_deg, found.confidence)
    return found.turn_deg if found.sure else 0


def to_grey(pixels: PageArray) -> GreyImage:
    """Luminance of RGB, [height, width] uint8; a grey picture is returned as it is."""
    if pixels.dtype != np.uint8 or pixels.size == 0:
        raise ValueError(f"a page is uint8 pixels, not {pixels.dtype} {pixels.shape}")
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    raise ValueError(f"a page is [height, width] or [height, width, 3], not {pixels.shape}")


def _applies(skew: SkewEstimate, settings: ImagingSettings) -> bool:
    sure = skew.confidence >= settings.min_skew_confidence
    return settings.deskew and sure and abs(skew.angle_deg) >= settings.min_skew_deg


def _whitened(grey: GreyImage, border: GreyImage | None) -> GreyImage:
    if border is None or not border.any():
        return grey
    mask = cv2.resize(border, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR) > 64
    return np.where(mask, 255, grey).astype(np.uint8)
