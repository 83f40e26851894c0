"""Ink on paper, and the traces of pens, time and scanners. Images are grey uint8, ink dark on light ground."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_core.records import GreyImage
from ocr_core.training.synthetic.masks import Mask, as_uint8, smooth_noise


def ink_on_paper(mask: Mask, rng: np.random.Generator, paper: GreyImage | None = None) -> GreyImage:
    """Lay ink of uneven strength on paper. Same shape as `mask`."""
    shape = mask.shape
    if paper is None:
        level = float(rng.uniform(170, 250))
        ground = (
            level
            + rng.uniform(0, 8) * smooth_noise(shape, 40, rng)
            + rng.uniform(0, 4) * smooth_noise(shape, 3, rng)
        )
    else:
        ground = _tile(paper, shape, rng).astype(np.float32)
    strength = float(rng.uniform(0.5, 1.0)) + 0.12 * smooth_noise(shape, max(6, shape[0] // 2), rng)
    cover = mask.astype(np.float32) / 255 * np.clip(strength, 0.25, 1)
    colour = float(rng.uniform(5, 70))
    return np.clip(ground * (1 - cover) + colour * cover, 0, 255).astype(np.uint8)


def rule(image: GreyImage, rng: np.random.Generator) -> GreyImage:
    """Draw writing rules, or an underline, or a border, faint or dark, in place on a copy."""
    rows, columns = image.shape
    out = image.copy()
    shade = int(np.clip(float(np.median(image)) * rng.uniform(0.35, 0.92), 0, 255))
    weight = int(rng.integers(1, max(2, rows // 24) + 1))
    if rng.random() < 0.8:
        gap = float(rng.uniform(0.35, 1.1)) * rows
        start = float(rng.uniform(0, gap))
        tilt = float(rng.normal(0, 0.008)) * columns
        while start < rows:
            cv2.line(out, (0, round(start)), (columns, round(start + tilt)), shade, weight, cv2.LINE_AA)
            start += gap
    if rng.random() < 0.35:
        gap = float(rng.uniform(0.3, 3)) * rows
        start = float(rng.uniform(0, gap))
        while start < columns:
            cv2.line(out, (round(start), 0), (round(start), rows), shade, weight, cv2.LINE_AA)
            start += gap
    return out


def degrade(image: GreyImage, rng: np.random.Generator, wear: float) -> GreyImage:
    """Traces of pen, time and scanner, as strong as `wear` (0..1). Same shape."""
    if wear <= 0:
        return image
    if rng.random() < 0.35 * wear + 0.1:
        image = rule(image, rng)
    work = image
    if rng.random() < 0.7:
        work = as_uint8(cv2.GaussianBlur(work, (0, 0), float(rng.uniform(0.3, 0.4 + 1.6 * wear))))
    if rng.random() < 0.4 * wear:  # a worse scanner
        shape = work.shape
        scale = float(rng.uniform(0.4, 0.9))
        small = cv2.resize(work, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        work = as_uint8(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.6:
        noise = rng.normal(0, 1 + 9 * wear * rng.random(), work.shape).astype(np.float32)
        work = np.clip(work + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(25, 90))
        packed = cv2.imencode(".jpg", work, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        work = as_uint8(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))
    return work


def _tile(paper: GreyImage, shape: tuple[int, ...], rng: np.random.Generator) -> GreyImage:
    """A piece of paper of `shape`, from a random place, continued by reflection where it is smaller."""
    rows, columns = shape
    down, right = max(0, rows - paper.shape[0]), max(0, columns - paper.shape[1])
    large = np.pad(paper, ((0, down), (0, right)), mode="symmetric") if down or right else paper
    y, x = (int(rng.integers(0, have - want + 1)) for have, want in zip(large.shape, shape, strict=True))
    return large[y : y + rows, x : x + columns]
