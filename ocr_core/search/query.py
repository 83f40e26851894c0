"""The query language: terms, "phrases", prefix*. All clauses must hold on one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ocr_core.errors import UsageError
from ocr_core.library.folding import fold

_PART: Final = re.compile(r'["“”„«»]([^"“”„«»]*)["“”„«»]?(\*?)|([^\s"“”„«»]+)')


@dataclass(frozen=True, slots=True)
class Clause:
    """Folded words that stand side by side on a line; with `prefix` the last may go on. One is a term."""

    words: tuple[str, ...]
    prefix: bool = False

    def spans(self, tokens: list[str]) -> list[tuple[int, int]]:
        """Where the clause stands among the folded words of a line: half-open ranges without overlap."""
        found = []
        at, size = 0, len(self.words)
        while at + size <= len(tokens):
            if self._stands_at(tokens, at):
                found.append((at, at + size))
                at += size
            else:
                at += 1
        return found

    def _stands_at(self, tokens: list[str], at: int) -> bool:
        *whole, last = self.words
        final = tokens[at + len(whole)]
        return tokens[at : at + len(whole)] == whole and (
            final.startswith(last) if self.prefix else final == last
        )


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. Every clause must hold."""

    clauses: tuple[Clause, ...]


def parse(text: str) -> Query:
    """Parse what a person typed. A word that folds to several (`well-known`) is a phrase; one that folds to
    none is left out; a quotation left open ends with the text.

    Raises:
        UsageError: nothing to look for.
    """
    clauses: dict[Clause, None] = {}
    for match in _PART.finditer(text):
        phrase, star, bare = match.groups()
        content = bare if phrase is None else phrase
        words = tuple(fold(content).split())
        if words:
            clauses[Clause(words, prefix=bool(star) or content.rstrip().endswith("*"))] = None
    if not clauses:
        raise UsageError(
            f"Nothing to search for in {text!r}.", remedy='Give words, "a phrase" or the start of a word*.'
        )
    return Query(tuple(clauses))
