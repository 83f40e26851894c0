"""The ink of a page, its strokes, and the distance between its lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.imaging.masks import components, median, pixels_of, without_solids
from ocr_core.records import GreyImage

_WINDOW = 61
"""Pixels: ink is what is darker than the mean of a window of this size …"""
_CONTRAST = 25
"""… by this many grey levels, or by more where the page is noisy."""
_FULL = 50.0
"""Grey levels beyond the threshold at which a stroke counts fully; faint pencil counts less, black no more."""
_SOLID = 15.0
"""Pixels: no stroke of writing is thicker than twice this."""
_TALLEST = 0.2
"""Share of the page's height."""
_PALE = 0.4
"""Components paler than this share of the page's usual ink are show-through or dirt."""
_SMALLER = 0.65
"""Where no component is taller than this share of the page's usual height, writing is of a smaller size."""
_MIN_LETTER = 4.5
"""Pixels: lower letters cannot be told from grain."""
_MIN_ROW = 8
"""Fewer components of one height make no row of print."""
_SIZE_SHARE = 0.004
"""Less than this share of the page's ink makes no size of its own."""
_MIN_PITCH, _MAX_PITCH = 9, 240


@dataclass(frozen=True, slots=True)
class Ink:
    """A page's ink.

    Attributes:
        mask: uint8 [h, w], 1 on ink.
        strokes: float32 [h, w], how much the ink changes from column to column: high in the zone of small letters,
            low in ascenders and descenders, none along rules and underlines.
        labels, stats: connected components of `mask` as OpenCV gives them; 0 is the ground.
        letter: height in pixels above and below which half of the ink belongs to lower and higher components.
    """

    mask: NDArray[np.uint8]
    strokes: NDArray[np.float32]
    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    letter: float


@dataclass(frozen=True, slots=True)
class Marks:
    """What is dark on a page, but for blots and rules, before specks are told from writing.

    Attributes:
        depth: uint8 [h, w], how much darker than its surroundings.
        threshold: what `depth` has more of on a mark.
        labels, stats: as in :class:`Ink`.
    """

    depth: GreyImage
    threshold: float
    labels: NDArray[np.int32]
    stats: NDArray[np.int32]


def find_ink(grey: GreyImage) -> Ink | None:
    """The ink of an evened page (dark on light); None where there is none."""
    marks = find_marks(grey)
    return None if marks is None else ink_of(marks)


def find_marks(grey: GreyImage) -> Marks | None:
    """The marks of an evened page (dark on light); None on a page too small for any."""
    if min(grey.shape) < 5:
        return None
    mean = cv2.blur(grey, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)
    depth = np.asarray(cv2.subtract(mean, grey), np.uint8)
    noise = median(np.asarray(cv2.absdiff(grey, mean), np.uint8))
    threshold = max(_CONTRAST, 5.0 * noise)
    mask = without_solids((depth > threshold).astype(np.uint8), _SOLID)
    labels, stats = components(mask)
    labels, stats = _only(~_rules(stats, mask.shape), labels, stats)
    return Marks(depth, threshold, labels, stats)


def ink_of(marks: Marks, lines: NDArray[np.uint8] | None = None) -> Ink | None:
    """The marks that are writing; None where none is.

    Args:
        lines: [h, w], not 0 where lines are known to run: there small marks far from letters are writing too.
    """
    depth = marks.depth
    labels, stats = _only(~_specks(marks.labels, marks.stats, depth, lines), marks.labels, marks.stats)
    mask = (labels > 0).astype(np.uint8)
    letter = _letter_height(stats)
    if not letter:
        return None
    full = np.clip((np.arange(256, dtype=np.float32) - marks.threshold + 10) / _FULL, 0, 1)
    dark = cv2.LUT(depth * mask, full)
    strokes = np.abs(cv2.Sobel(dark, cv2.CV_32F, 1, 0, ksize=1))
    return Ink(mask, strokes, labels, stats, letter)


def _letter_height(stats: NDArray[np.int32]) -> float:
    """The height, in pixels, above and below which half of the ink lies in components that are no specks; 0 without any."""
    written = (stats[:, cv2.CC_STAT_HEIGHT] > 3) & (stats[:, cv2.CC_STAT_AREA] > 10)
    # What is as tall as several lines is a frame, or lines run together, and tells nothing of letters.
    written[0] = False
    low = written & (stats[:, cv2.CC_STAT_HEIGHT] < _TALLEST * stats[0, cv2.CC_STAT_HEIGHT])
    if stats[low, cv2.CC_STAT_AREA].sum() > 0.1 * stats[written, cv2.CC_STAT_AREA].sum():
        written = low  # else the picture is cut close around a line
    heights, areas = stats[written, cv2.CC_STAT_HEIGHT], stats[written, cv2.CC_STAT_AREA]
    if not len(heights):
        return 0.0
    return _halfway(heights, areas)


def _halfway(values: NDArray[np.int32] | NDArray[np.float64], areas: NDArray[np.int32]) -> float:
    """The value of components, [n], below and above which half of their area lies."""
    order = np.argsort(values)
    running = np.cumsum(areas[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def _only(
    kept: NDArray[np.bool_], labels: NDArray[np.int32], stats: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels and statistics of the components that are kept, [n] of bool, numbered anew; what goes becomes ground."""
    kept[0] = True
    if kept.all():
        return labels, stats
    number = np.where(kept, np.cumsum(kept) - 1, 0).astype(np.int32)
    return number[labels], stats[kept]


def _specks(
    labels: NDArray[np.int32],
    stats: NDArray[np.int32],
    depth: GreyImage,
    lines: NDArray[np.uint8] | None = None,
) -> NDArray[np.bool_]:
    """Which components are show-through, paler than a share of the page's ink, or specks far from letters and lines."""
    count = len(stats)
    letter = _letter_height(stats)
    if not letter:
        return np.zeros(count, bool)
    xs, ys = pixels_of(labels)
    which = labels[ys, xs]
    area = stats[:, cv2.CC_STAT_AREA]
    tone = np.bincount(which, depth[ys, xs], count) / area
    tall = stats[:, cv2.CC_STAT_HEIGHT] >= 0.6 * letter
    tall[0] = False
    pale = tone < _PALE * _halfway(tone[tall], area[tall])
    long_side = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    letters = (long_side >= 0.5 * letter) & ~pale
    letters[0] = False
    size = 2 * round(0.8 * letter) + 1
    near = np.asarray(cv2.dilate(letters[labels].astype(np.uint8), np.ones((size, size), np.uint8)), np.uint8)
    if lines is not None:
        near = np.maximum(near, lines)
    beside = np.bincount(which, near[ys, xs], count) > 0
    return ~letters & (pale | ~beside)


def _rules(stats: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which components are long, thin and straight: rules, frames, folds and sheet edges of a page `shape` [h, w]."""
    height, width = shape
    box_w, box_h, area = (stats[:, i] for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    upright = (box_h > 0.12 * height) & (box_h > 10 * box_w)
    level = (box_w > 0.12 * width) & (box_w > 25 * box_h)
    frame = (box_h > 0.7 * height) & (box_w > 0.7 * width) & (area < 0.05 * box_w * box_h)
    return np.asarray(upright | level | frame)


def line_pitch(ink: Ink) -> float:
    """The usual distance between baselines in working pixels.

    The autocorrelation of the stroke profiles of narrow upright strips (so that sloping lines stay sharp), summed; its
    first strong peak. Where lines are too few to repeat, a multiple of the letters' height stands in.
    """
    strokes = ink.strokes
    height, width = strokes.shape
    fallback = float(np.clip(2.0 * ink.letter, _MIN_PITCH, _MAX_PITCH))
    top = min(_MAX_PITCH, height // 2)
    if top < 2 * _MIN_PITCH:
        return fallback
    step = max(1, width // 20)
    sums = np.add.reduceat(strokes, np.arange(0, width, step), axis=1)
    profiles = sums[:, :-1] + sums[:, 1:] if sums.shape[1] > 1 else sums
    profiles = cv2.GaussianBlur(profiles, (1, 11), 0, sigmaY=1.5)
    profiles = profiles - cv2.blur(profiles, (1, 151))
    size = 1 << int(np.ceil(np.log2(2 * height)))
    spectrum = np.abs(np.fft.rfft(profiles, size, axis=0)) ** 2
    correlation = np.fft.irfft(spectrum.sum(axis=1), size)[:top]
    if correlation[0] <= 0:
        return fallback
    correlation = correlation / correlation[0] / (1 - np.arange(top) / height)
    lowest = max(_MIN_PITCH, int(0.8 * ink.letter))
    peaks = [
        lag
        for lag in range(lowest, top)
        if correlation[lag] > 0.08 and correlation[lag] == correlation[max(0, lag - 6) : lag + 7].max()
    ]
    if not peaks:
        return fallback
    best = max(correlation[p] for p in peaks)
    pitch = next(p for p in peaks if correlation[p] >= 0.42 * best)
    return float(np.clip(pitch, 1.1 * ink.letter, 5.0 * ink.letter))


@dataclass(frozen=True, slots=True)
class Size:
    """Writing of about one size on a page: its strokes [h, w], letter height and line pitch in working pixels."""

    strokes: NDArray[np.float32]
    letter: float
    pitch: float

    @property
    def across(self) -> float:
        """Standard deviation, across lines, of a blur that leaves lines of this size apart."""
        return min(0.17 * self.pitch, 0.33 * self.letter)


def sizes(ink: Ink) -> list[Size]:
    """The page's main size of writing, and a smaller one (of letterheads, notes) where components are low all around."""
    pitch = line_pitch(ink)
    found = [Size(ink.strokes, ink.letter, pitch)]
    small = (_tallest_around(ink) < _SMALLER * ink.letter) & (ink.mask > 0)
    if int(small.sum()) > _SIZE_SHARE * int(ink.mask.sum()):
        heights = ink.stats[:, cv2.CC_STAT_HEIGHT][ink.labels[small]]
        letter = float(np.median(heights))
        if letter >= _MIN_LETTER:
            found.append(Size(np.where(small, ink.strokes, 0), letter, max(_MIN_PITCH, 2.2 * letter)))
    return found


def _tallest_around(ink: Ink) -> NDArray[np.float32]:
    """Height of the tallest component within about a letter: float32 [h, w], 0 where there is none."""
    height, width = ink.mask.shape
    heights = np.minimum(ink.stats[:, cv2.CC_STAT_HEIGHT], 255).astype(np.uint8)
    heights[0] = 0
    quarter = heights[ink.labels][::4, ::4]
    window = np.ones((2 * round(0.12 * ink.letter) + 1, 2 * round(0.3 * ink.letter) + 1), np.uint8)
    tallest = cv2.dilate(np.ascontiguousarray(quarter), window)
    return np.asarray(cv2.resize(tallest, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)


def evenly_set(ink: Ink, letter: float, x0: int, ys: NDArray[np.float64]) -> bool:
    """Whether a row of many components of one height runs along a curve, as in small print, and little else.

    Args:
        letter: their height in working pixels.
        x0, ys: first column and the y of the row's middle for each column.
    """
    left, top, box_w, box_h = (ink.stats[:, i].astype(np.float64) for i in range(4))
    middle = left + box_w / 2
    column = np.clip(middle - x0, 0, len(ys) - 1).astype(int)
    along = (middle >= x0) & (middle < x0 + len(ys))
    near = along & (top < ys[column] + 0.5 * letter) & (top + box_h > ys[column] - 0.5 * letter)
    alike = near & (box_h > 0.6 * letter) & (box_h < 1.6 * letter)
    covered = box_w[alike].sum()
    others = box_w[near & (box_h >= 1.6 * letter)].sum()
    return bool(alike.sum() >= _MIN_ROW and covered > 0.55 * len(ys) and others < 0.25 * covered)
