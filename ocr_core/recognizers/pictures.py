"""What all readers do with pictures: check them one by one, answer them in order, read those of like width together.

Pictures are grey uint8 [rows, columns], ink dark on light ground.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ocr_core.errors import PageError
from ocr_core.records import GreyImage

_LONGEST = 60.0
"""Times its height beyond which a picture is no line of writing."""

P = TypeVar("P")
T = TypeVar("T")
A = TypeVar("A")


def check_line(pixels: NDArray[np.uint8], longest: float = _LONGEST) -> None:
    """Refuse what can be no line of writing.

    Args:
        longest: times its height that a picture may be long.

    Raises:
        PageError: it cannot.
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or min(pixels.shape) < 2:
        raise PageError(
            "bad-line-image",
            f"a line picture of shape {pixels.shape} and type {pixels.dtype}",
            remedy="Line pictures are grey, uint8, at least 2 pixels wide and high.",
        )
    rows, columns = pixels.shape
    if columns > longest * rows:
        raise PageError(
            "line-too-long",
            f"a line picture {columns} pixels long and {rows} high",
            remedy="Look at the layout of this page: it is probably a rule, not a line of writing.",
        )


def answer_each(
    pictures: Sequence[P], prepare: Callable[[P], T], read: Callable[[list[T]], Sequence[A]]
) -> list[A | PageError]:
    """What `read` answers for the pictures that `prepare` takes, and its error for each of the others; in order."""
    prepared: list[T | PageError] = []
    for picture in pictures:
        try:
            prepared.append(prepare(picture))
        except PageError as error:
            prepared.append(error)
    answers = iter(read([one for one in prepared if not isinstance(one, PageError)]))
    return [one if isinstance(one, PageError) else next(answers) for one in prepared]


@dataclass(frozen=True, slots=True)
class LineJob:
    """A line on its way through a network.

    Attributes:
        place: among those that are read together.
        image: at the network's height.
        scale: height of `image` in heights of the line's own picture.
    """

    place: int
    image: GreyImage
    scale: float


def line_batches(jobs: Sequence[LineJob], most: int, columns: int) -> Iterator[Sequence[LineJob]]:
    """The jobs, narrow ones first, in batches of at most `most` lines and `columns` columns, padding included."""
    jobs = sorted(jobs, key=lambda job: job.image.shape[1])
    first = 0
    for place, job in enumerate(jobs):
        count = place - first + 1
        if count > 1 and (count > most or count * job.image.shape[1] > columns):
            yield jobs[first:place]
            first = place
    if first < len(jobs):
        yield jobs[first:]


def resize(picture: NDArray[Any], height: int, width: int, resample: int = 2) -> NDArray[np.uint8]:
    """Scaled to a size, whatever the proportions; `resample` is a filter as PIL numbers them (2 bilinear, 3 bicubic)."""
    scaled = Image.fromarray(picture).resize((width, height), Image.Resampling(resample))
    return np.array(scaled, dtype=np.uint8)
