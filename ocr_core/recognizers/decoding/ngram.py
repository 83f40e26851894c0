"""A character n-gram model: how probable a character is after those before it on its line.

The probabilities are interpolated (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1999): p(c | h) = a(h, c) + γ(h) · p(c | h'), where h' is the context h without its oldest character, a(h, c) is
what the model stores and γ(h) = 1 - Σ a(h, ·) is what it leaves over. Whatever is pruned or rounded down goes to the
shorter context, so probabilities sum to one exactly. `training.language.train` estimates a(h, c).

On disk the n-grams form a trie, one byte each for character, a(h, c) and number of continuations: see `write_ngram`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ocr_core.errors import ModelError
from ocr_core.models import WEIGHTS, ModelCard, verified_bytes

FORMAT = "warraq-ngram-1"
EDGE = "\n"
"""The character that stands before and after every line."""
OTHER = "\ufffd"
"""The character that stands for all those the model does not know."""
_LEVELS = 255
_FLOOR = 1e-6
"""The smallest a(h, c) that is stored; smaller ones are left to the shorter context."""
_REMEDY = "Restore the file from where it was published, or make it anew with `warraq train ngram`."

Bytes = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
Places = NDArray[np.int64]
Span = tuple[int, int, int]
"""Level of a trie and, half open, the range of its n-grams that continue a context."""


@dataclass(frozen=True, slots=True)
class Level:
    """The n-grams of one length, sorted by context as the level above has them, then by character.

    Attributes:
        characters: uint8 [n], the last character of each, as its place in the model's alphabet.
        codes: uint8 [n], a(h, c) rounded down, see `decoded`.
        children: uint8 [n], how many n-grams of the next level continue each; zeros on the last level.
    """

    characters: Bytes
    codes: Bytes
    children: Bytes


def encoded(values: NDArray[np.float64]) -> Bytes:
    """a(h, c) as bytes, rounded down: equal steps of the logarithm from `_FLOOR` to 1, and 0 for less."""
    steps = np.floor((np.log(np.maximum(values, _FLOOR)) / -np.log(_FLOOR) + 1) * (_LEVELS - 1)) + 1
    return np.where(values < _FLOOR, 0, np.clip(steps, 1, _LEVELS)).astype(np.uint8)


def decoded(codes: Bytes) -> NDArray[np.float64]:
    """What `encoded` kept of its values."""
    values = np.exp((1 - (codes.astype(np.float64) - 1) / (_LEVELS - 1)) * np.log(_FLOOR))
    return np.where(codes == 0, 0.0, values)


class NgramModel:
    """p(c | h) for every character of an alphabet."""

    def __init__(self, alphabet: str, levels: tuple[Level, ...], card: ModelCard | None = None) -> None:
        """Take the levels of a trie, shortest n-grams first.

        Args:
            alphabet: the characters, `EDGE` and `OTHER` among them; characters of levels are places in it.

        Raises:
            ModelError: the levels do not make up a trie over this alphabet.
        """
        self.alphabet = alphabet
        self.card = card
        self.levels = levels
        self.place = {c: i for i, c in enumerate(alphabet)}
        _check(alphabet, levels)
        self._values = [decoded(level.codes) for level in levels]
        self._sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in self._values]
        self._firsts = [np.concatenate([[0], np.cumsum(level.children, dtype=np.int64)]) for level in levels]
        self._other = self.place[OTHER]
        self._bytes = [level.characters.tobytes() for level in levels]
        self._contexts = Contexts(self)

    @classmethod
    def load(cls, name: str = "lm-latin", *, folder: Path = WEIGHTS) -> NgramModel:
        """Load a packaged model, after checking it against the sha256 of its card.

        Raises:
            ModelError: the file or its card is missing, damaged, or of another kind.
        """
        card, data = verified_bytes(name, folder)
        if card.kind != "ngram":
            raise ModelError(
                f"{name} is a {card.kind}, not a language model", remedy="Name a model of kind ngram."
            )
        return read_ngram(data, card.file, card)

    @property
    def order(self) -> int:
        """The longest n-gram: a character depends on `order - 1` before it."""
        return len(self.levels)

    def context(self, text: str) -> str:
        """The part of a line's beginning that the next character depends on."""
        return (EDGE + text)[-(self.order - 1) :] if self.order > 1 else ""

    def probabilities(self, context: str) -> Probabilities:
        """p(c | context) for every character of the alphabet, float32 [alphabet]. Not to be written to.

        Args:
            context: as of `context`; only its last `order - 1` characters count.
        """
        state = 0
        for char in context:
            state = self._contexts.follow(state, self.place.get(char, self._other))
        return self._contexts.probabilities[state]

    def line_log_probability(self, text: str) -> float:
        """Natural logarithm of the probability of a line, its end included."""
        total, state = 0.0, self._contexts.start
        for char in text + EDGE:
            place = self.place.get(char, self._other)
            total += math.log(self._contexts.probabilities[state, place])
            state = self._contexts.follow(state, place)
        return total

    def continuations(self, span: Span, place: int) -> Span | None:
        """The n-grams that continue the one of `span` that ends in a character, or None if there are none."""
        level, first, end = span
        at = self._bytes[level].find(place, first, end)
        if at < 0 or level + 1 == self.order:
            return None
        first, end = int(self._firsts[level][at]), int(self._firsts[level][at + 1])
        return (level + 1, first, end) if first < end else None

    def mixed(self, span: Span, shorter: Probabilities) -> Probabilities:
        """p(c | h) of a context by its continuations and the probabilities after the next shorter context."""
        level, first, end = span
        mixed = shorter * np.float32(1 - self._sums[level][end] + self._sums[level][first])
        mixed[self.levels[level].characters[first:end]] += self._values[level][first:end]
        return mixed


class Contexts:
    """The contexts of a model as the states of an automaton, numbered as they are first met; 0 is the empty context.

    A context that no stored n-gram continues predicts what it does without its oldest character, so it shares that
    one's number. Takes about a kilobyte a context; for one thread.

    Attributes:
        start: where a line begins.
        probabilities: float32 [at least len(self), alphabet], p(c | h) by number.
    """

    def __init__(self, model: NgramModel) -> None:
        self._model = model
        self._numbers: dict[Span, int] = {}
        self._spans: list[Span] = []
        self._shorter: list[int] = []
        size = len(model.alphabet)
        self.probabilities = np.empty((1024, size), np.float32)
        self._next = np.full((1024, size), -1, np.int32)
        self._add((0, 0, len(model.levels[0].characters)), 0, np.full(size, 1 / size, np.float32))
        self.start = self.follow(0, model.place[EDGE])

    def __len__(self) -> int:
        return len(self._spans)

    def follow(self, state: int, place: int) -> int:
        """The context after one more character of the alphabet."""
        known = int(self._next[state, place])
        if known >= 0:
            return known
        span = self._model.continuations(self._spans[state], place)
        number = None if span is None else self._numbers.get(span)
        if number is None:
            number = self.follow(self._shorter[state], place) if state else 0
            if span is not None:
                number = self._add(span, number, self.probabilities[number])
        self._next[state, place] = number
        return number

    def follow_all(self, states: Places, places: Places) -> Places:
        """`follow` for arrays [n]."""
        found = self._next[states, places].astype(np.int64)
        for i in np.flatnonzero(found < 0).tolist():
            found[i] = self.follow(int(states[i]), int(places[i]))
        return found

    def _add(self, span: Span, shorter: int, probabilities: Probabilities) -> int:
        number = len(self._spans)
        if number == len(self.probabilities):
            self.probabilities = np.concatenate([self.probabilities, np.empty_like(self.probabilities)])
            self._next = np.concatenate([self._next, np.full_like(self._next, -1)])
        self.probabilities[number] = self._model.mixed(span, probabilities)
        self._spans.append(span)
        self._shorter.append(shorter)
        self._numbers[span] = number
        return number


def write_ngram(path: Path, model: NgramModel) -> None:
    """Write a model as safetensors, atomically: the arrays of `Level` by number, the alphabet in the header."""
    tensors = {}
    for number, level in enumerate(model.levels):
        tensors[f"{number}.characters"] = level.characters
        tensors[f"{number}.codes"] = level.codes
        if number + 1 < model.order:
            tensors[f"{number}.children"] = level.children
    header = {"format": FORMAT, "alphabet": model.alphabet}
    part = path.with_name(path.name + ".part")
    part.write_bytes(save(tensors, metadata=header))
    part.replace(path)


def read_ngram(data: bytes, name: str, card: ModelCard | None = None) -> NgramModel:
    """Read a model.

    Args:
        data: a whole file of `write_ngram`.
        name: of the file, for error messages.

    Raises:
        ModelError: the file is not safetensors, is cut short, or holds no trie of n-grams.
    """
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{name} is not a whole safetensors file: {error}", remedy=_REMEDY) from error
    if header.get("format") != FORMAT:
        raise ModelError(f"{name} is not a {FORMAT} file", remedy=_REMEDY)
    try:
        order = sum(key.endswith(".characters") for key in tensors)
        levels = []
        for number in range(order):
            characters, codes = tensors[f"{number}.characters"], tensors[f"{number}.codes"]
            last = number + 1 == order
            levels.append(
                Level(characters, codes, np.zeros_like(codes) if last else tensors[f"{number}.children"])
            )
        return NgramModel(header["alphabet"], tuple(levels), card)
    except KeyError as error:
        raise ModelError(f"{name} lacks {error}", remedy=_REMEDY) from error


def _check(alphabet: str, levels: tuple[Level, ...]) -> None:
    problem = ""
    if len(set(alphabet)) != len(alphabet) or not {EDGE, OTHER} <= set(alphabet) or len(alphabet) > 255:
        problem = "its alphabet names a character twice, too many, or lacks the edge of lines"
    elif not levels:
        problem = "it has no n-grams"
    for number, level in enumerate(levels):
        arrays = (level.characters, level.codes, level.children)
        expected = (
            len(level.characters) if number == 0 else int(levels[number - 1].children.sum(dtype=np.int64))
        )
        if any(a.dtype != np.uint8 or a.shape != (expected,) for a in arrays):
            problem = f"its n-grams of length {number + 1} do not continue the shorter ones"
            break
        parents = [len(level.characters)] if number == 0 else levels[number - 1].children
        group = np.repeat(np.arange(len(parents)), parents)
        rising = (np.diff(level.characters.astype(int)) > 0) | (np.diff(group) > 0)
        if not rising.all() or (expected and int(level.characters.max()) >= len(alphabet)):
            problem = f"its n-grams of length {number + 1} are out of order"
            break
        if np.bincount(group, weights=decoded(level.codes), minlength=1).max() > 1 + 1e-9:
            problem = f"its probabilities of n-grams of length {number + 1} sum to more than one"
            break
    if problem:
        raise ModelError(f"A language model is damaged: {problem}", remedy=_REMEDY)
