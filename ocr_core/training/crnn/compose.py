"""Words that nobody wrote: composed of letters that one hand has written elsewhere, in sentences of another text.

A reader of one hand learns the words that come again and again by their looks, and fails at those it has not met: on
held-out letters one misread 7 % of the characters of words that stood fifty times and more in its training transcripts,
and 27 % of those of words that never did. So words are cut out of the lines and set into new sentences, and words that
are nowhere in the lines are made of the beginning of one and the end of another, both cut through the same letter, where
the strokes meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_core.training.crnn.cuts import Cuts
from ocr_core.training.crnn.pieces import Piece, joined, piece
from ocr_core.training.crnn.splice import Splicer
from ocr_core.training.data.cache import CachedLine, LineCache
from ocr_core.training.data.text import normalise_text

_LEAST_LIKELY = -0.5
"""Log probability for each character of a line whose letters are trusted to stand where the reader finds them."""
_COMMON = 2e-3
"""Words of a larger share of the text than this are left out now and then, so that rarer ones are seen more often (the
subsampling of Mikolov et al., "Distributed Representations of Words and Phrases", NIPS 2013)."""
_WHOLE = 0.7
"""How often a word that stands in the lines is taken as it stands, and not composed."""
_TRIES = 6
"""Pieces that are looked at for one with ink about as dark."""
_MOST_WORDS = 200
"""Words of the text that are looked at for one line, most of which may be left out as common."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a line: columns where it starts and ends, in the middle of the spaces around it, and inside each letter."""

    row: int
    text: str
    start: int
    end: int
    letters: tuple[int, ...]


class Composer:
    """Gives lines of a cache, some of the lines of one hand composed anew; the others are those of a `Splicer`."""

    def __init__(
        self,
        cache: LineCache,
        cuts: Cuts,
        splicer: Splicer,
        *,
        corpora: Sequence[str],
        text: str,
        probability: float,
    ) -> None:
        """Take words out of the lines.

        Args:
            corpora: those of one hand each.
            text: to compose sentences of.
            probability: of a line of those corpora to be composed.
        """
        self._splicer = splicer
        self._probability = probability
        tokens = normalise_text(text).split()
        self._hands = {name: _Hand(cache, cuts, name, tokens) for name in corpora}
        self._corpus = cache.table["corpus"]

    def line(self, row: int, rng: np.random.Generator) -> CachedLine:
        """The line of a row, spliced perhaps, or a composed one of about its width."""
        hand = self._hands.get(self._corpus[row])
        if hand is None or not hand.tokens or rng.random() >= self._probability:
            return self._splicer.line(row, rng)
        return hand.composed(row, rng)

    def vocabulary(self) -> dict[str, tuple[int, int]]:
        """For each corpus, how many words of the text can be made of it, and how many of these stand nowhere in it."""
        return {name: hand.vocabulary() for name, hand in self._hands.items()}


class _Hand:
    """The words of one corpus, by what they say and by what they begin and end with."""

    def __init__(self, cache: LineCache, cuts: Cuts, corpus: str, tokens: Sequence[str]) -> None:
        self._cache = cache
        rows = [
            r for r, c in cuts.items() if cache.table["corpus"][r] == corpus and c.likelihood >= _LEAST_LIKELY
        ]
        self._darkness = {row: _darkness(cache[row]) for row in rows}
        self._words = [word for row in rows for word in _words_of(cache, cuts, row)]
        self._same: dict[str, list[int]] = {}
        self._heads: dict[str, list[tuple[int, int]]] = {}
        self._tails: dict[str, list[tuple[int, int]]] = {}
        for number, word in enumerate(self._words):
            self._same.setdefault(word.text, []).append(number)
            for place in _joints(word.text):
                self._heads.setdefault(word.text[: place + 1], []).append((number, place))
                self._tails.setdefault(word.text[place:], []).append((number, place))
        makeable = {t: self._joints_of(t) for t in set(tokens)}
        self.tokens = [t for t in tokens if t in self._same or makeable[t]]
        self._makeable = {t: makeable[t] for t in self.tokens}
        counts = Counter(self.tokens)
        self._kept = {t: min(1.0, (_COMMON * len(self.tokens) / n) ** 0.5) for t, n in counts.items()}

    def vocabulary(self) -> tuple[int, int]:
        return len(self._makeable), sum(text not in self._same for text in self._makeable)

    def composed(self, row: int, rng: np.random.Generator) -> CachedLine:
        """A line of about the width of the one in a row, with its margins and ink about as dark as its."""
        line = self._cache[row]
        width = line.pixels.shape[1]
        darkness = self._darkness.get(row) or _darkness(line)
        pieces = [piece(line, None, line.left, "")]
        texts: list[str] = []
        at, filled = int(rng.integers(len(self.tokens))), 2 * line.left
        for _ in range(_MOST_WORDS):
            text = self.tokens[at % len(self.tokens)]
            at += 1
            if rng.random() >= self._kept[text]:
                continue
            word = self._word(text, darkness, rng)
            added = sum(p.pixels.shape[1] for p in word)
            if texts and filled + added / 2 > width:
                break
            pieces += word
            texts.append(text)
            filled += added
        pieces.append(piece(line, width - line.left, None, ""))
        return joined(line, pieces, " ".join(texts))

    def _word(self, text: str, darkness: float, rng: np.random.Generator) -> list[Piece]:
        joints = self._makeable[text]
        if text in self._same and (not joints or rng.random() < _WHOLE):
            word = self._words[self._nearest([(n, 0) for n in self._same[text]], darkness, rng)[0]]
            return [piece(self._cache[word.row], word.start, word.end, text)]
        place = joints[int(rng.integers(len(joints)))]
        first, at = self._nearest(self._heads[text[: place + 1]], darkness, rng)
        head = self._words[first]
        second, then = self._nearest(self._tails[text[place:]], self._darkness[head.row], rng)
        tail = self._words[second]
        return [
            piece(self._cache[head.row], head.start, head.letters[at], ""),
            piece(self._cache[tail.row], tail.letters[then], tail.end, ""),
        ]

    def _nearest(
        self, places: Sequence[tuple[int, int]], darkness: float, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Of a few places by chance the one with ink most nearly as dark."""
        tried = [places[i] for i in rng.integers(len(places), size=_TRIES)]
        return min(tried, key=lambda p: abs(self._darkness[self._words[p[0]].row] - darkness))

    def _joints_of(self, text: str) -> list[int]:
        """Letters through which a word can be composed."""
        return [p for p in _joints(text) if text[: p + 1] in self._heads and text[p:] in self._tails]


def _joints(word: str) -> list[int]:
    """Places of the small letters inside a word."""
    return [place for place in range(1, len(word) - 1) if word[place].islower()]


def _words_of(cache: LineCache, cuts: Cuts, row: int) -> list[_Word]:
    """The words of a line whose letters stand in order between their spaces."""
    cut, line = cuts[row], cache[row]
    gaps = [(-1, line.left), *((g.place, g.column) for g in cut.gaps)]
    gaps.append((len(line.text), line.pixels.shape[1] - line.left))
    words = []
    for (before, start), (after, end) in pairwise(gaps):
        text, letters = line.text[before + 1 : after], cut.letters[before + 1 : after]
        columns = (start, *letters, end)
        if text and " " not in text and all(a < b for a, b in pairwise(columns)):
            words.append(_Word(row, text, start, end, letters))
    return words


def _darkness(line: CachedLine) -> float:
    """How dark the ink of a line is against its paper, 0 to 1."""
    ink, paper = np.percentile(line.nominal()[::2, ::2], (4, 75))
    return float(1 - ink / max(paper, 1.0))
