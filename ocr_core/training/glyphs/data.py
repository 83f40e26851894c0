"""Labelled pictures of single characters, whole writers held out, distorted for training."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import UsageError
from ocr_core.recognizers.glyphs.network import CLASSES, GlyphKind
from ocr_core.recognizers.glyphs.picture import (
    COMPACT_SIDE,
    PUBLISHED_SIDE,
    Frame,
    as_input,
    frame_of,
    glyph_picture,
    ink_of,
    lifted,
)
from ocr_core.records import GreyImage
from ocr_core.training.glyphs.config import GlyphSetSettings

_REMEDY = "It needs `images` (uint8, [N, rows, columns]) and `labels` ([N]), or to be CSV beside a CSV file of labels."


@dataclass(frozen=True, slots=True)
class GlyphSet:
    """Pictures of one source, all of one size.

    Attributes:
        ink: uint8 [N, rows, columns], ink 255 on ground 0.
        classes: int64 [N], places in `CLASSES`.
        writers: int64 [N]; each picture its own writer where they are not known.
        held: bool [N], the pictures that are held out.
        known: bool [N], the held-out pictures of writers of whom others are learnt from.
    """

    name: str
    ink: NDArray[np.uint8]
    classes: NDArray[np.int64]
    writers: NDArray[np.int64]
    held: NDArray[np.bool_]
    known: NDArray[np.bool_]


def read_set(settings: GlyphSetSettings, data: Path) -> GlyphSet:
    """Read a set of labelled pictures.

    Raises:
        UsageError: a file is missing, or not such a set, or has labels beyond the 38 classes.
    """
    path = data / settings.path
    try:
        images, labels = _read_csv(path, data / settings.labels) if settings.labels else _read_npz(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is no set of pictures: {error}", remedy=_REMEDY) from error
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1] or not len(labels):
        raise UsageError(
            f"{path} has images {images.shape} {images.dtype} and labels {labels.shape}", remedy=_REMEDY
        )
    classes = labels.astype(np.int64) - settings.first_label + settings.first_class
    if classes.min() < settings.first_class or classes.max() >= len(CLASSES):
        raise UsageError(
            f"{path} has labels {labels.min()} to {labels.max()}",
            remedy="Correct `first_label` and `first_class` of this set.",
        )
    if settings.transposed:
        images = images.transpose(0, 2, 1)
    ink = np.stack([ink_of(image) for image in np.ascontiguousarray(images)])
    writers = np.arange(len(ink)) // max(settings.writer_pictures, 1)
    unseen = _held(writers, settings.held_out)
    known = _each(writers, classes, settings.held_out_each) & ~unseen
    return GlyphSet(settings.name, ink, classes, writers, unseen | known, known)


def _read_npz(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    with np.load(path, allow_pickle=False) as archive:
        return np.asarray(archive["images"]), np.asarray(archive["labels"])


def _read_csv(images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A picture a line, its square of pixels row by row; a label a line."""
    pixels = np.loadtxt(images, dtype=np.float32, delimiter=",", ndmin=2)
    side = math.isqrt(pixels.shape[1])
    found = pixels.astype(np.uint8).reshape(len(pixels), side, side)
    return found, np.loadtxt(labels, dtype=np.float32, delimiter=",", ndmin=1).astype(np.int64)


def _held(writers: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which pictures are of `count` writers, evenly from all."""
    names = np.unique(writers)
    chosen = names[((np.arange(count) + 0.5) * len(names) / max(count, 1)).astype(int)]
    return np.isin(writers, chosen)


def _each(writers: NDArray[np.int64], classes: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """`count` pictures of each class by each writer, now the first ones and now the last."""
    out = np.zeros(len(writers), np.bool_)
    if count:
        for writer, glyph in np.unique(np.stack([writers, classes], 1), axis=0):
            there = np.flatnonzero((writers == writer) & (classes == glyph))
            out[np.roll(there, -(writer + glyph))[:count]] = True
    return out


def plain_batches(
    ink: Sequence[GreyImage] | NDArray[np.uint8], kind: GlyphKind, batch: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The pictures as inference sees them: places and float32 [B, 1, side, side] in [0, 1]."""
    for first in range(0, len(ink), batch):
        part = slice(first, min(first + batch, len(ink)))
        yield part, as_input([glyph_picture(picture, kind) for picture in ink[part]])


class Distorter:
    """Pictures as other hands, pens and croppings would have made them, in one resampling each."""

    def __init__(self, kind: GlyphKind, strength: float) -> None:
        self._kind = kind
        self._strength = strength
        self._side = PUBLISHED_SIDE if kind == "published" else COMPACT_SIDE
        middle = (self._side - 1) / 2
        steps = (np.arange(self._side, dtype=np.float32) - middle) / self._side
        self._v, self._u = np.meshgrid(steps, steps, indexing="ij")  # -0.5 … 0.5

    def __call__(self, ink: GreyImage, rng: np.random.Generator) -> GreyImage:
        """uint8 [side, side]."""
        if self._strength == 0:
            return glyph_picture(ink, self._kind)
        frame = self._frame(ink)
        picture = self._light(self._bent(self._pen(ink, rng), frame, rng), rng)
        return picture if self._kind == "published" else lifted(picture)

    def _frame(self, ink: GreyImage) -> Frame:
        rows, columns = ink.shape
        whole = Frame(columns / 2, rows / 2, float(max(rows, columns)))
        return whole if self._kind == "published" else frame_of(ink) or whole

    def _pen(self, ink: GreyImage, rng: np.random.Generator) -> GreyImage:
        """Sometimes a thicker or a thinner stroke, or dots that hardly show."""
        choice = rng.random() / self._strength
        if choice < 0.12:
            ink = np.asarray(cv2.dilate(ink, _SMALL), dtype=np.uint8)
        elif choice < 0.2:
            thin = np.asarray(cv2.erode(ink, _SMALL), dtype=np.uint8)
            ink = np.asarray(cv2.addWeighted(ink, 0.5, thin, 0.5, 0), dtype=np.uint8)
        elif choice < 0.3:
            ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.4, 0.9)), dtype=np.uint8)
        return _faint_dots(ink, rng) if rng.random() < 0.3 * self._strength else ink

    def _bent(self, ink: GreyImage, frame: Frame, rng: np.random.Generator) -> GreyImage:
        """Turned, slanted, stretched, moved and waved."""
        s = self._strength
        turn = np.deg2rad(rng.normal(0, 6 * s))
        slant = rng.normal(0, 0.1 * s)
        zoom = np.exp(rng.normal(0.03 * s, 0.08 * s))
        stretch = np.exp(rng.normal(0, 0.07 * s))
        c, d = np.cos(turn) * zoom, np.sin(turn) * zoom
        waves = rng.normal(0, 0.028 * s, (2, 5, 5)).astype(np.float32)
        dx, dy = (cv2.resize(w, (self._side, self._side), interpolation=cv2.INTER_CUBIC) for w in waves)
        shift = rng.normal(0, 0.025 * s, 2)
        u = (c * stretch * self._u - (d + slant) * self._v + dx + shift[0]) * frame.side + (frame.x - 0.5)
        v = (d * self._u + c / stretch * self._v + dy + shift[1]) * frame.side + (frame.y - 0.5)
        bent = cv2.remap(ink, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
        return np.asarray(bent, dtype=np.uint8)

    def _light(self, picture: GreyImage, rng: np.random.Generator) -> GreyImage:
        """Weaker ink, another curve, grain."""
        if rng.random() > 0.6:
            return picture
        depth = 1 - 0.4 * rng.beta(1, 3) * self._strength
        gamma = np.exp(rng.normal(0, 0.3 * self._strength))
        out = depth * 255 * (picture.astype(np.float32) / 255) ** gamma
        if rng.random() < 0.4:
            out += rng.standard_normal(out.shape, dtype=np.float32) * rng.uniform(0, 4)
        return np.clip(out, 0, 255).astype(np.uint8)


def _faint_dots(ink: GreyImage, rng: np.random.Generator) -> GreyImage:
    """All but the largest blob with a part of their ink, down to an eighth."""
    count, which, stats, _ = cv2.connectedComponentsWithStats((ink > 10).astype(np.uint8), connectivity=8)
    if count < 3:
        return ink
    left = np.full(count, rng.uniform(0.12, 0.8), np.float32)
    left[0] = left[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())] = 1
    return np.asarray(ink * left[which], dtype=np.uint8)


_SMALL = np.ones((2, 2), np.uint8)
