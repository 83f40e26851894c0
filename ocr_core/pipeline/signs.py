"""Signs that a reader which knows its language made a line up: they ask for a look, and take nothing away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ocr_core.records import GreyImage, LineImage, Script
from ocr_core.script.text import script_of_text

_CONTRAST: Final = 40  # grey levels between ground and the darkest hundredth of a picture: less is no ink
_TIMES: Final = 3.0  # a line with so many times more, or fewer, letters for its length than the page's others
_LEAST: Final = 8  # characters in which lengths must differ at all
_DENSITY: Final = (0.2, 14.0)  # letters for a length of one line height, of any writing
_LINES: Final = 4  # that make a page's own measure of density
_SCRIPTS: Final = (Script.ARABIC, Script.LATIN, Script.OTHER)


def made_up(lines: Sequence[tuple[LineImage, str]]) -> list[tuple[str, ...]]:
    """The signs of each line of a page.

    `no-ink`: text where there is nothing dark; `odd-length`: far more or less text than ink; `wrong-script`: text of another
    script than the line looks like.

    Args:
        lines: each with its picture and the text that was read on it.
    """
    lengths = np.array([_length(image.pixels) for image, _ in lines])
    characters = np.array([len(text.replace(" ", "")) for _, text in lines], float)
    written = characters > 0
    low, high = _DENSITY
    if written.sum() >= _LINES:
        usual = float(np.median(characters[written] / lengths[written]))
        low, high = max(low, usual / _TIMES), min(high, usual * _TIMES)
    signs = []
    for (image, text), length, count in zip(lines, lengths, characters, strict=True):
        found: list[str] = []
        if count:
            if not has_ink(image.pixels):
                found.append("no-ink")
            if count > high * length + _LEAST or count < low * length - _LEAST:
                found.append("odd-length")
            script = script_of_text(text)
            if script in _SCRIPTS and image.script in _SCRIPTS and script is not image.script:
                found.append("wrong-script")
        signs.append(tuple(found))
    return signs


def has_ink(pixels: GreyImage) -> bool:
    """Whether anything on a picture is clearly darker than its ground."""
    ground, dark = np.percentile(pixels, (75, 1))
    return bool(ground - dark >= _CONTRAST)


def _length(pixels: GreyImage) -> float:
    """Of a line, in heights of its picture."""
    return pixels.shape[1] / pixels.shape[0]
