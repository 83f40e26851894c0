"""What lines of a script look like, for those who draw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line to be drawn.

    Attributes:
        drawn: what stands in the picture.
        text: what a reader is to write; empty where the line teaches nothing.
        source: number of the text that it begins in.
    """

    drawn: str
    text: str
    source: int


@dataclass(frozen=True, slots=True)
class Writing:
    """How lines of a script are made.

    Attributes:
        sample: characters that a font must have.
        tall: letters that reach as far up and down as those of most lines.
        rtl: it runs from right to left and its letters join.
        read: the texts of a file.
        typeset: some words of the texts as they might stand on a line.
        book_faces: how file names begin of the fonts that books are set in; most lines are drawn in them.
        unwanted: parts of the names of fonts that nobody writes like.
        remedy: what to do where there is no font.
    """

    name: str
    sample: str
    tall: str
    rtl: bool
    read: Callable[[Path], tuple[str, ...]]
    typeset: Callable[[Sequence[str], np.random.Generator], SetLine]
    book_faces: tuple[str, ...]
    unwanted: tuple[str, ...]
    remedy: str
