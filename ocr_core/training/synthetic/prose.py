"""Running text as if it stood in lines: for language models that read lines."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

from ocr_core.errors import UsageError

_MEAN, _SPREAD, _SHORTEST = 42, 12, 10
"""Characters of a line: those of letters and books."""


def read_prose(path: Path) -> Iterator[str]:
    """The lines of a text file, or of all `*.txt` of a folder in the order of their names; the same ones every time.

    Raises:
        UsageError: there is no such file, none in the folder, or one is not UTF-8.
    """
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{path}: no text files", remedy="Put texts there as *.txt, in UTF-8.")
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}", remedy="Give plain text in UTF-8.") from error
        yield from prose_lines(text, random.Random(file.name))


def prose_lines(text: str, rng: random.Random) -> Iterator[str]:
    """Paragraphs (parted by empty lines) broken between words into lines of various length."""
    for paragraph in re.split(r"\n\s*\n", text):
        line, length = "", _length(rng)
        for word in paragraph.split():
            if line and len(line) + len(word) >= length:
                yield line
                line, length = "", _length(rng)
            line = f"{line} {word}".strip()
        if line:
            yield line


def _length(rng: random.Random) -> float:
    return max(_SHORTEST, rng.gauss(_MEAN, _SPREAD))
