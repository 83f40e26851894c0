"""A character n-gram model: how probable a character is after those before it on its line.

The probabilities are interpolated (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
Modeling", 1999): p(c | h) = a(h, c) + γ(h) · p(c | h'), where h' is the context h without its oldest character, a(h, c) is
what the model stores and γ(h) = 1 - Σ a(h, ·) is what it leaves over. Whatever is pruned or rounded down goes to the
shorter context, so probabilities sum to one exactly. `training.ngram` estimates a(h, c).

On disk the n-grams form a trie, one byte each for character, a(h, c) and number of continuations: see `write_ngram`.
"""

from __future__ import annotations

import json
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
_MOST_REMEMBERED = 30_000
"""Contexts whose probabilities are remembered, about a kilobyte each."""
_REMEDY = "Restore the file from where it was published, or make it anew with `warraq train ngram`."

Bytes = NDArray[np.uint8]
Probabilities = NDArray[np.float64]


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


def encoded(values: Probabilities) -> Bytes:
    """a(h, c) as bytes, rounded down: equal steps of the logarithm from `_FLOOR` to 1, and 0 for less."""
    steps = np.floor((np.log(np.maximum(values, _FLOOR)) / -np.log(_FLOOR) + 1) * (_LEVELS - 1)) + 1
    return np.where(values < _FLOOR, 0, np.clip(steps, 1, _LEVELS)).astype(np.uint8)


def decoded(codes: Bytes) -> Probabilities:
    """What `encoded` kept of its values."""
    values = np.exp((1 - (codes.astype(np.float64) - 1) / (_LEVELS - 1)) * np.log(_FLOOR))
    return np.where(codes == 0, 0.0, values)


class NgramModel:
    """p(c | h) for every character of an alphabet, with a memory of the contexts asked for."""

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
        self._firsts = [np.concatenate([[0], np.cumsum(level.children, dtype=np.int64)]) for level in levels]
        self._other = self.place[OTHER]
        self._bytes = [level.characters.tobytes() for level in levels]
        self._places: dict[str, tuple[int, int]] = {"": (0, len(levels[0].characters))}
        self._memory: dict[str, Probabilities] = {}

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
        """p(c | context) for every character of the alphabet, float64 [alphabet]. Not to be written to.

        Args:
            context: as of `context`; only its last `order - 1` characters count.
        """
        context = context[-(self.order - 1) :] if self.order > 1 else ""
        known = self._memory.get(context)
        if known is None:
            if len(self._memory) > _MOST_REMEMBERED:
                self._memory.clear()
            known = self._memory[context] = self._interpolated(context)
        return known

    def line_log_probability(self, text: str) -> float:
        """Natural logarithm of the probability of a line, its end included."""
        total = 0.0
        for end in range(len(text) + 1):
            char = text[end] if end < len(text) else EDGE
            probabilities = self.probabilities(self.context(text[:end]))
            total += float(np.log(probabilities[self.place.get(char, self._other)]))
        return total

    def _interpolated(self, context: str) -> Probabilities:
        if context:
            shorter = self.probabilities(context[1:])
        else:
            shorter = np.full(len(self.alphabet), 1 / len(self.alphabet))
        first, end = self._continuations(context)
        if first == end:
            return shorter
        level = len(context)
        values = self._values[level][first:end]
        mixed = shorter * (1 - float(values.sum()))
        mixed[self.levels[level].characters[first:end]] += values
        return mixed

    def _continuations(self, context: str) -> tuple[int, int]:
        """Where on its level the n-grams that continue a context are; an empty range if there are none."""
        known = self._places.get(context)
        if known is None:
            if len(self._places) > _MOST_REMEMBERED:
                self._places = {"": self._places[""]}
            first, end = self._continuations(context[:-1])
            level = len(context) - 1
            at = self._bytes[level].find(self.place.get(context[-1], self._other), first, end)
            known = (0, 0) if at < 0 else (int(self._firsts[level][at]), int(self._firsts[level][at + 1]))
            self._places[context] = known
        return known


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
        raise ModelError(f"a language model is damaged: {problem}", remedy=_REMEDY)
