"""Distortion of grey line pictures for TrOCR: another point of view, another hand. Ink is dark on light ground, uint8."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_core.records import GreyImage


def perspective(picture: GreyImage, rng: np.random.Generator, strength: float = 0.06) -> GreyImage:
    """The line as a camera aslant would show it: each corner moves by up to `strength` of the height. Same shape."""
    rows, columns = picture.shape
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    moved = corners + rng.uniform(-strength, strength, (4, 2)).astype(np.float32) * rows
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return _filled(cv2.warpPerspective, picture, matrix, (columns, rows))


def elastic(
    picture: GreyImage, rng: np.random.Generator, strength: float = 0.03, smoothness: float = 0.25
) -> GreyImage:
    """Every part moves a little and its neighbours with it (Simard, Steinkraus and Platt, ICDAR 2003). Same shape.

    Args:
        strength: standard deviation of the movement, as a share of the height.
        smoothness: distance over which movements change, as a share of the height.
    """
    rows, columns = picture.shape
    step = max(2.0, smoothness * rows)
    knots = (2, max(2, round(rows / step) + 1), max(2, round(columns / step) + 1))
    moves = rng.normal(0, strength * rows, knots).astype(np.float32)
    dx, dy = (cv2.resize(move, (columns, rows), interpolation=cv2.INTER_CUBIC) for move in moves)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return _filled(cv2.remap, picture, x + dx, y + dy, cv2.INTER_LINEAR)


def distorted(picture: GreyImage, rng: np.random.Generator, strength: float) -> GreyImage:
    """Perspective and elastic distortion, each three times in four; unchanged at strength 0."""
    if strength > 0 and rng.random() < 0.75:
        picture = perspective(picture, rng, 0.06 * strength)
    if strength > 0 and rng.random() < 0.75:
        picture = elastic(picture, rng, 0.03 * strength)
    return picture


def _filled(warp: object, picture: GreyImage, *arguments: object) -> GreyImage:
    ground = float(np.median(picture[[0, -1]]))
    done = warp(picture, *arguments, borderMode=cv2.BORDER_CONSTANT, borderValue=ground)  # type: ignore[operator]
    return np.asarray(done, dtype=np.uint8)
