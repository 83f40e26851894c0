"""The characters a network can write, in the order of its outputs. Output 0 is the CTC blank."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocr_core.errors import ModelError

BLANK = 0


@dataclass(frozen=True, slots=True)
class Charset:
    """A table of characters: class ``i + 1`` is ``characters[i]``, class 0 the blank.

    Raises:
        ModelError: an entry is not one NFC character, or occurs twice.
    """

    characters: str

    def __post_init__(self) -> None:
        if len(set(self.characters)) != len(self.characters) or not self.characters:
            raise ModelError("A character table is empty or names a character twice", remedy=_REMEDY)
        if unicodedata.normalize("NFC", self.characters) != self.characters:
            raise ModelError("A character table is not in NFC", remedy=_REMEDY)

    @classmethod
    def of(cls, texts: Iterable[str], least: int = 1) -> Charset:
        """The characters that occur at least `least` times, sorted by code point."""
        counts = Counter(c for text in texts for c in text)
        return cls("".join(sorted(c for c, n in counts.items() if n >= least)))

    @property
    def classes(self) -> int:
        """Number of network outputs: the characters and the blank."""
        return len(self.characters) + 1

    def covers(self, text: str) -> bool:
        return set(text) <= set(self.characters)

    def share(self, text: str) -> float:
        """Of the characters of a text those that are in the table, spaces left out; 1 for a text without any."""
        written = [c for c in text if not c.isspace()]
        return sum(c in self.characters for c in written) / len(written) if written else 1.0

    def encode(self, text: str) -> list[int]:
        """Classes of a text.

        Raises:
            KeyError: the text has a character outside the table.
        """
        table = {c: i + 1 for i, c in enumerate(self.characters)}
        return [table[c] for c in text]

    def decode(self, classes: Sequence[int]) -> str:
        """Text of classes, none of them blank."""
        return "".join(self.characters[c - 1] for c in classes)


_REMEDY = "Take the weights from where they were published, with their own character table."
