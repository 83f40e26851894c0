"""Prefix beam search over the output of a CTC network, with a character language model.

After Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs"
(2014), algorithm 1, with characters in place of words: of all texts l the search looks for the one with the highest

    log p(l | picture) + α · log p(l) + β · length of l

where p(l | picture) is the sum over all paths that write l and p(l) the language model's, the end of the line included.
β makes up for a model's liking for short texts; without a model only the first term counts.
Without pruning and with a beam that holds every prefix the answer is exact.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.recognizers.charset import BLANK, Charset
from ocr_core.recognizers.ctc import Decoded, Frames, greedy
from ocr_core.recognizers.ngram import EDGE, OTHER, NgramModel

_MOST_REMEMBERED = 30_000
"""Contexts whose weights are remembered, about a kilobyte each."""


@dataclass(frozen=True, slots=True)
class BeamSettings:
    """How far the search looks.

    Attributes:
        width: prefixes kept after each frame.
        characters: most characters that a frame may add to a prefix.
        least: characters less probable than this in a frame are not added there, 0..1.
        margin: what would make a prefix this much less probable than the best one before is not tried, 0..1.
        blank: frames whose blank is more probable than this add nothing, 0..1; at 1 none is passed over.
    """

    width: int = 8
    characters: int = 8
    least: float = 2e-3
    blank: float = 0.999
    margin: float = 1e-3


EXACT = BeamSettings(width=1_000_000, characters=1_000_000, least=0.0, blank=1.0, margin=0.0)
"""No pruning at all: for checks on a handful of frames."""


@dataclass(frozen=True, slots=True)
class BeamReading:
    """What the search found.

    Attributes:
        decoded: the text with the positions and confidences of its characters, those of its most probable path; the same
            as `ctc.greedy` gives where the text is that of the best path.
        log_probability: natural log p(text | picture), summed over the paths that the search kept.
        score: what was maximised.
    """

    decoded: Decoded
    log_probability: float
    score: float


class CharacterModel:
    """A language model with its answers as weights of a network's classes: p(c | h)^α · e^β, ready to multiply."""

    def __init__(self, model: NgramModel, charset: Charset, alpha: float, beta: float) -> None:
        self._model = model
        self._alpha = alpha
        self._gain = math.exp(beta)
        other = model.place[OTHER]
        self._places = np.array([model.place.get(c, other) for c in charset.characters])
        self._edge = model.place[EDGE]
        self._characters = ["", *charset.characters]
        self._memory: dict[str, tuple[array[float], float]] = {}
        self.start = model.context("")
        self._reach = model.order - 1

    def weights(self, context: str) -> tuple[array[float], float]:
        """Weight of every class after a context (that of the blank is 1), and of the end of the line."""
        known = self._memory.get(context)
        if known is None:
            if len(self._memory) > _MOST_REMEMBERED:
                self._memory.clear()
            powers = self._model.probabilities(context) ** self._alpha
            weights = np.concatenate([[1.0], powers[self._places] * self._gain])
            known = array("d", weights.tobytes()), float(powers[self._edge])
            self._memory[context] = known
        return known

    def after(self, context: str, label: int) -> str:
        """The context after one more character."""
        return (context + self._characters[label])[-self._reach :] if self._reach else ""


class _Prefix:
    """A prefix of the text: a node of their tree.

    `blank` and `label` are the weights of its paths that end in a blank and in its last character, `next_…` those of the
    frame at hand; `weight` is the logarithm of what model and length gave.
    """

    __slots__ = (
        "blank",
        "children",
        "context",
        "end",
        "label",
        "last",
        "next_blank",
        "next_label",
        "parent",
        "weight",
        "weights",
    )

    def __init__(self, parent: _Prefix | None, last: int, context: str, weight: float) -> None:
        self.parent = parent
        self.last = last
        self.context = context
        self.weight = weight
        self.weights: array[float] | None = None
        self.end = 1.0
        self.children: dict[int, _Prefix] = {}
        self.blank = self.label = self.next_blank = self.next_label = 0.0

    def classes(self) -> tuple[int, ...]:
        found: list[int] = []
        node: _Prefix = self
        while node.parent is not None:
            found.append(node.last)
            node = node.parent
        return tuple(reversed(found))


def beam_search(
    log_probs: Frames, settings: BeamSettings = BeamSettings(), model: CharacterModel | None = None
) -> BeamReading:
    """Find the most probable text of a line.

    Args:
        log_probs: float [T, classes], natural logarithms, class 0 the blank.
        settings: how far to look.
        model: a language model, or None for the network's word alone.
    """
    best_path = greedy(log_probs)
    beam, scale = _searched(log_probs, settings, model)
    for node in beam:
        _weigh(node, model)
    best = max(beam, key=lambda node: (node.blank + node.label) * node.end)
    total = math.log(best.blank + best.label) + scale
    classes = best.classes()
    decoded = best_path if classes == best_path.classes else align(log_probs, classes)
    return BeamReading(decoded, total - best.weight, total + math.log(best.end))


def align(log_probs: Frames, classes: tuple[int, ...]) -> Decoded:
    """Positions and confidences of the characters of a text, by its most probable path (Viterbi).

    Args:
        log_probs: float [T, classes], natural logarithms, class 0 the blank.
        classes: of a text that T frames can hold.

    Raises:
        ValueError: they cannot.
    """
    frames, states = len(log_probs), 2 * len(classes) + 1
    extended = np.full(states, BLANK)
    extended[1::2] = classes
    skip = np.full(states, -np.inf)
    skip[2:][(extended[2:] != BLANK) & (extended[2:] != extended[:-2])] = 0.0
    scores = log_probs[:, extended].astype(np.float64)
    steps = np.zeros((frames, states), np.int8)
    reach = np.full((3, states), -np.inf)
    places = np.arange(states)
    here = np.full(states, -np.inf)
    here[:2] = scores[0, :2] if frames else 0.0
    for t in range(1, frames):
        reach[0] = here
        reach[1, 1:] = here[:-1]
        reach[2, 2:] = here[:-2] + skip[2:]
        steps[t] = reach.argmax(axis=0)
        here = reach[steps[t], places] + scores[t]
    state = states - 1 if states == 1 or here[-1] >= here[-2] else states - 2
    if (frames or classes) and (not frames or here[state] == -np.inf):
        raise ValueError(f"{frames} frames cannot hold {len(classes)} characters")
    path = np.zeros(frames, int)
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= int(steps[t, state])
    probable = scores[np.arange(frames), path]
    starts, ends, sure = [], [], []
    for number in range(len(classes)):
        at = np.flatnonzero(path == 2 * number + 1)
        starts.append(int(at[0]))
        ends.append(int(at[-1]) + 1)
        sure.append(float(np.exp(probable[at].max()).clip(0, 1)))
    confidence = float(np.exp(probable.mean()).clip(0, 1)) if frames else 1.0
    return Decoded(classes, tuple(starts), tuple(ends), tuple(sure), confidence)


def _searched(
    log_probs: Frames, settings: BeamSettings, model: CharacterModel | None
) -> tuple[list[_Prefix], float]:
    """The prefixes at the end of a line, and the logarithm that their weights are to be multiplied with."""
    root = _Prefix(None, BLANK, model.start if model else "", 0.0)
    root.blank = 1.0
    beam, scale = [root], 0.0
    probabilities = np.exp(log_probs.astype(np.float64))
    for frame, blank, labels in _pruned(probabilities, settings):
        touched = _extended(beam, frame, blank, labels, model, settings.margin)
        for node in touched:
            node.blank, node.label = node.next_blank, node.next_label
            node.next_blank = node.next_label = 0.0
        if len(touched) > settings.width:
            touched.sort(key=_total, reverse=True)
            for node in touched[settings.width :]:
                node.blank = node.label = 0.0
            del touched[settings.width :]
        most = max(map(_total, touched))
        scale += math.log(most)
        for node in touched:
            node.blank /= most
            node.label /= most
        beam = touched
    return beam, scale


def _extended(
    beam: list[_Prefix],
    frame: list[float],
    blank: float,
    labels: list[int],
    model: CharacterModel | None,
    margin: float,
) -> list[_Prefix]:
    """One frame: every prefix stays as it is or takes one more character. Returns all prefixes that have a path."""
    fresh: list[_Prefix] = []
    held = {id(node) for node in beam}
    for node in beam:
        before, last = node.label, node.last
        total = node.blank + before
        node.next_blank += total * blank
        if before:
            node.next_label += before * frame[last]
        if not labels:
            continue
        weights = node.weights or _weigh(node, model)
        children = node.children
        for label in labels:
            weight = weights[label] if weights else 1.0
            # The same character again is a new one only after a blank.
            add = (node.blank if label == last else total) * frame[label] * weight
            if add <= margin:
                continue
            child = children.get(label)
            if child is None:
                context = model.after(node.context, label) if model else ""
                child = children[label] = _Prefix(node, label, context, node.weight + math.log(weight))
            if not child.next_label and id(child) not in held:
                fresh.append(child)
            child.next_label += add
    return beam + fresh


def _weigh(node: _Prefix, model: CharacterModel | None) -> array[float] | None:
    """What the model says after a prefix, asked for once; None without a model."""
    if model is not None and node.weights is None:
        node.weights, node.end = model.weights(node.context)
    return node.weights


def _pruned(
    probabilities: NDArray[np.float64], settings: BeamSettings
) -> list[tuple[list[float], float, list[int]]]:
    """Each frame's probabilities, that of its blank, and the characters worth adding: none where the blank is sure, else at
    least the likeliest."""
    frames = []
    for row in probabilities:
        labels: list[int] = []
        if row[BLANK] <= settings.blank or settings.blank >= 1:
            chosen = np.flatnonzero(row >= settings.least)
            chosen = chosen[chosen != BLANK]
            if len(chosen) > settings.characters:
                chosen = chosen[np.argsort(-row[chosen], kind="stable")[: settings.characters]]
            labels = chosen.tolist() or [int(row[1:].argmax()) + 1]
        frames.append((row.tolist(), float(row[BLANK]), labels))
    return frames


def _total(node: _Prefix) -> float:
    return node.blank + node.label
