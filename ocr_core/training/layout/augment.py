"""Pieces of pages as the line finder's network meets them: turned, scaled, mirrored, bent, worn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.records import GreyImage
from ocr_core.training.layout.config import LayoutAugmentSettings
from ocr_core.training.layout.pages import LayoutPage
from ocr_core.training.layout.targets import PageLine, Points

Floats = NDArray[np.float32]
_SPACING = 12.0
"""Pixels between the points of a baseline before it is bent."""


@dataclass(frozen=True, slots=True)
class _Warp:
    """Where a page comes to lie in a piece: an affine map [2, 3], then a wave that lifts columns."""

    affine: NDArray[np.float64]
    height: float = 0.0
    length: float = 600.0
    phase: float = 0.0

    def lift(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.height * np.sin(x * 2 * np.pi / self.length + self.phase)

    def points(self, points: Points) -> Points:
        moved = points @ self.affine[:, :2].T + self.affine[:, 2]
        return np.stack([moved[:, 0], moved[:, 1] - self.lift(moved[:, 0])], axis=1)

    def image(self, grey: GreyImage, side: int, fill: int) -> GreyImage:
        """The piece, [side, side], of a page."""
        back = cv2.invertAffineTransform(self.affine)
        x = np.arange(side, dtype=np.float64)
        y = x[:, None] + self.lift(x)[None, :]
        at = [(back[i, 0] * x[None, :] + back[i, 1] * y + back[i, 2]).astype(np.float32) for i in (0, 1)]
        piece = cv2.remap(
            grey, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
        )
        return np.asarray(piece, np.uint8)


def plain_piece(page: LayoutPage, side: int, number: int) -> tuple[GreyImage, list[PageLine]]:
    """A piece of a page as it is: pieces tile the page row by row, and `number` counts on from its first again."""
    height, width = page.grey.shape
    down, across = max(1, round(height / side)), max(1, round(width / side))
    row, column = divmod(number % (down * across), across)
    y = row * max(0, height - side) / max(down - 1, 1) if down > 1 else 0.0
    x = column * max(0, width - side) / max(across - 1, 1) if across > 1 else 0.0
    warp = _Warp(np.array([[1.0, 0, -x], [0, 1.0, -y]]))
    return warp.image(page.grey, side, 255), _moved(page.lines, warp)


def distorted_piece(
    page: LayoutPage, other: LayoutPage, side: int, rng: np.random.Generator, settings: LayoutAugmentSettings
) -> tuple[GreyImage, list[PageLine]]:
    """A random piece of a page, and its lines.

    Args:
        other: a page that shows through from behind.
        side: of the piece in pixels.
    """
    warp = _random_warp(page, side, rng, settings)
    fill = 255 if rng.random() > 0.2 * settings.wear else int(rng.integers(0, 200))
    piece = warp.image(page.grey, side, fill)
    if settings.wear > 0:
        behind = _random_warp(other, side, rng, settings).image(other.grey, side, 255)
        piece = _worn(piece, behind, rng, settings.wear)
    return piece, _moved(page.lines, warp)


def _random_warp(
    page: LayoutPage, side: int, rng: np.random.Generator, settings: LayoutAugmentSettings
) -> _Warp:
    low, high = np.log(settings.scale)
    scale = float(np.exp(rng.uniform(low, high)))
    stretch = float(np.exp(rng.normal(0, 0.06)))
    turn = rng.normal(0, 1.0) if rng.random() < 0.7 else rng.uniform(-settings.turn_deg, settings.turn_deg)
    angle = np.deg2rad(np.clip(turn, -settings.turn_deg, settings.turn_deg))
    mirror = -1.0 if rng.random() < settings.mirror else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    slant = np.array([[1.0, rng.normal(0, 0.05)], [0.0, 1.0]])
    linear = (
        np.array([[cos, -sin], [sin, cos]]) @ slant @ np.diag([scale * stretch * mirror, scale / stretch])
    )
    height, width = page.grey.shape
    centre = np.array([rng.uniform(-0.05, 1.05) * width, rng.uniform(-0.05, 1.05) * height])
    if page.lines and rng.random() < 0.8:  # pieces of empty margin teach little
        baseline = page.lines[rng.integers(len(page.lines))].baseline
        centre = baseline[rng.integers(len(baseline))] + rng.normal(0, 0.15 * side / scale, 2)
    shift = side / 2 - linear @ centre
    wave = float(rng.uniform(0, 7)) if rng.random() < 0.4 else 0.0
    return _Warp(
        np.column_stack([linear, shift]), wave, float(rng.uniform(300, 1200)), float(rng.uniform(0, 6.3))
    )


def _moved(lines: Sequence[PageLine], warp: _Warp) -> list[PageLine]:
    """The lines in a piece, from left to right again where the piece is mirrored."""
    tall = float(np.sqrt(abs(np.linalg.det(warp.affine[:, :2]))))
    moved = []
    for line in lines:
        points = warp.points(_dense(line.baseline))
        if points[0, 0] > points[-1, 0]:
            points = points[::-1]
        moved.append(PageLine(points, line.above * tall, line.below * tall))
    return moved


def _dense(points: Points) -> Points:
    """The same course with a point at least every `_SPACING` pixels."""
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, steps[-1], max(2, int(steps[-1] / _SPACING) + 1))
    return np.stack([np.interp(at, steps, points[:, 0]), np.interp(at, steps, points[:, 1])], axis=1)


def _worn(piece: GreyImage, behind: GreyImage, rng: np.random.Generator, wear: float) -> GreyImage:
    side = piece.shape[0]
    ink = 255.0 - piece.astype(np.float32)
    if rng.random() < 0.7:  # paler or darker ink
        ink *= rng.uniform(1 - 0.6 * wear, 1 + 0.2 * wear)
    if rng.random() < 0.4 * wear:  # show-through, mirrored and blurred by the paper
        through = cv2.GaussianBlur(255 - behind[:, ::-1], (0, 0), float(rng.uniform(0.6, 3)))
        ink = np.maximum(ink, through.astype(np.float32) * rng.uniform(0.08, 0.4))
    if rng.random() < 0.2 * wear:
        ink = np.maximum(ink, _rules(side, rng))
    if rng.random() < 0.5 * wear:  # uneven light
        small = rng.uniform(0, 50 * wear, (4, 4)).astype(np.float32)
        ink += cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.25 * wear:
        ink += _stain(side, rng)
    grey = np.clip(255.0 - ink, 0, 255).astype(np.uint8)
    if rng.random() < 0.3 * wear:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.4, 1.3))), np.uint8)
    if rng.random() < 0.2 * wear:  # a worse scanner
        share = float(rng.uniform(0.5, 0.9))
        small_grey = cv2.resize(grey, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.resize(small_grey, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.4 * wear:
        noise = rng.standard_normal((side, side), np.float32) * rng.uniform(1, 12)
        grey = np.clip(grey + noise, 0, 255).astype(np.uint8)
    return grey


def _rules(side: int, rng: np.random.Generator) -> Floats:
    """Writing rules, sometimes with a margin: float32 [side, side], ink."""
    drawn = np.zeros((side, side), np.float32)
    shade, weight = float(rng.uniform(30, 150)), int(rng.integers(1, 3))
    gap, tilt = float(rng.uniform(18, 70)), float(rng.normal(0, 0.02)) * side
    for y in np.arange(float(rng.uniform(-gap, gap)), side, gap):
        cv2.line(drawn, (0, round(y)), (side, round(y + tilt)), shade, weight, cv2.LINE_AA)
    if rng.random() < 0.4:
        x = round(rng.uniform(0, side))
        cv2.line(drawn, (x, 0), (x + round(rng.normal(0, 10)), side), shade, weight, cv2.LINE_AA)
    return drawn


def _stain(side: int, rng: np.random.Generator) -> Floats:
    """A blurred blot: float32 [side, side], ink."""
    drawn = np.zeros((side, side), np.float32)
    centre = tuple(int(v) for v in rng.integers(0, side, 2))
    axes = tuple(int(v) for v in rng.integers(10, max(11, side // 4), 2))
    cv2.ellipse(drawn, centre, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(20, 110)), -1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), float(rng.uniform(1, 12))), np.float32)
