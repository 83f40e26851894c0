"""Prefix beam search over the output of a CTC network, with a character language model.

After Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs"
(2014), algorithm 1, with characters in place of words: of all texts l the search looks for the one with the highest

    log p(l | picture) + α · log p(l) + β · length of l

where p(l | picture) is the sum over all paths that write l and p(l) the language model's, the end of the line included.
β makes up for a model's liking for short texts; without a model only the first term counts.
Without pruning and with a beam that holds every prefix the answer is exact.

The lines of a batch are searched side by side: one frame of all of them is a few operations on arrays [lines, prefixes]. A
prefix is told from others by a hash of its characters, and its text is found at the end from where each prefix came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.recognizers.decoding.charset import BLANK, Charset
from ocr_core.recognizers.decoding.ctc import Decoded, Frames, greedy
from ocr_core.recognizers.decoding.ngram import EDGE, OTHER, Contexts, NgramModel, Places

_MOST_CONTEXTS = 100_000
"""Contexts of the language model that are remembered from batch to batch, about a kilobyte each."""
_HASH = np.uint64(0x9E3779B97F4A7C15)
_NOBODY = np.uint64(0)

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BeamSettings:
    """How far the search looks.

    Attributes:
        width: prefixes kept after each frame.
        characters: most characters that a frame may add to a prefix.
        least: characters less probable than this in a frame are not added there, 0..1; the likeliest always is.
        blank: frames whose blank is more probable than this add nothing, 0..1; at 1 none is passed over.
        margin: longer prefixes this much less probable than the best are not kept, 0..1.
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
            as `ctc.greedy` gives where the text is that of the best path. The confidence of the line is always that of the
            best path: the network's own doubts tell more of a line's errors than what it thinks of the text that the
            language model preferred (rank correlation with the share of characters right on held-out letters 0.72, not
            0.62).
        log_probability: natural log p(text | picture), summed over the paths that the search kept.
        score: what was maximised.
    """

    decoded: Decoded
    log_probability: float
    score: float


class CharacterModel:
    """What a language model has to say of a network's classes: p(c | h)^α · e^β, ready to multiply.

    Contexts h go by number. For one thread.
    """

    def __init__(self, model: NgramModel, charset: Charset, alpha: float, beta: float) -> None:
        self._model = model
        self._alpha = alpha
        self._gain = math.exp(beta)
        other = model.place[OTHER]
        self._places = np.array([other] + [model.place.get(c, other) for c in charset.characters])
        self._edge = model.place[EDGE]
        self._contexts = Contexts(model)

    def begin(self) -> int:
        """The context at the start of a line. Numbers of contexts hold until the next call."""
        if len(self._contexts) > _MOST_CONTEXTS:
            self._contexts = Contexts(self._model)
        return self._contexts.start

    def after(self, contexts: Places, labels: Places) -> Places:
        """The contexts [n] after one more character each."""
        return self._contexts.follow_all(contexts, self._places[labels])

    def weights(self, contexts: Places, labels: Places) -> Weights:
        """Weights of labels after contexts, arrays that broadcast."""
        return self._probabilities(contexts, self._places[labels]) ** self._alpha * self._gain

    def ends(self, contexts: Places) -> Weights:
        """Weights of the end of the line after contexts."""
        return self._probabilities(contexts, self._edge) ** self._alpha

    def _probabilities(self, contexts: Places, places: Places | int) -> Weights:
        return self._contexts.probabilities[contexts, places].astype(np.float64)


def beam_search(
    lines: Sequence[Frames], settings: BeamSettings = BeamSettings(), model: CharacterModel | None = None
) -> list[BeamReading]:
    """Find the most probable text of each line. What is found does not depend on the other lines.

    Args:
        lines: float [T, classes] each, natural logarithms, class 0 the blank.
        settings: how far to look.
        model: a language model, or None for the network's word alone.
    """
    if not lines:
        return []
    found, scores, liked = _searched(lines, settings, model)
    decoded = [greedy(frames) for frames in lines]
    other = [i for i, best in enumerate(decoded) if best.classes != found[i]]
    sure = [decoded[i].confidence for i in other]
    for i, aligned in zip(
        other, align([lines[i] for i in other], [found[i] for i in other], sure), strict=True
    ):
        decoded[i] = aligned
    return [
        BeamReading(best, score - like, score)
        for best, score, like in zip(decoded, scores, liked, strict=True)
    ]


def align(
    lines: Sequence[Frames], texts: Sequence[tuple[int, ...]], confidences: Sequence[float]
) -> list[Decoded]:
    """Positions and confidences of the characters of texts, by their most probable paths (Viterbi).

    Args:
        lines: float [T, classes] each, natural logarithms, class 0 the blank.
        texts: classes, as many as the T frames of each line can hold.
        confidences: of the lines, passed on.

    Raises:
        ValueError: they cannot.
    """
    if not lines:
        return []
    frames = np.array([len(line) for line in lines])
    states = np.array([2 * len(text) + 1 for text in texts])
    rows, total, widest = np.arange(len(lines)), int(frames.max()), int(states.max())
    scores = np.full((total, len(lines), widest), -np.inf)
    skip = np.full((len(lines), widest), -np.inf)
    for row, (line, text) in enumerate(zip(lines, texts, strict=True)):
        extended = np.full(states[row], BLANK)
        extended[1::2] = text
        scores[: frames[row], row, : states[row]] = line[:, extended]
        skip[row, 2 : states[row]][(extended[2:] != BLANK) & (extended[2:] != extended[:-2])] = 0.0
    steps = np.zeros((total, len(lines), widest), np.int8)
    reach = np.full((3, len(lines), widest), -np.inf)
    here = np.full((len(lines), widest), -np.inf)
    here[:, :2] = scores[0, :, :2] if total else 0.0
    for t in range(1, total):
        reach[0] = here
        reach[1, :, 1:] = here[:, :-1]
        reach[2, :, 2:] = here[:, :-2] + skip[:, 2:]
        steps[t] = reach.argmax(axis=0)
        here = np.where((t < frames)[:, None], reach.max(axis=0) + scores[t], here)
    last, before = here[rows, states - 1], here[rows, np.maximum(states - 2, 0)]
    state = np.where(last >= before, states - 1, states - 2)
    end = np.maximum(last, before)
    for lacking in np.flatnonzero((end == -np.inf) | ((frames == 0) & (states > 1))).tolist():
        raise ValueError(f"{frames[lacking]} frames cannot hold {len(texts[lacking])} characters")
    path = np.zeros((len(lines), total), np.int64)
    for t in range(total - 1, -1, -1):
        path[:, t] = state
        state = np.where(t < frames, state - steps[t, rows, state], state)
    return [
        _positions(texts[row], path[row, : frames[row]], scores[: frames[row], row], confidences[row])
        for row in rows.tolist()
    ]


def _positions(text: tuple[int, ...], path: Places, scores: Weights, confidence: float) -> Decoded:
    """What a path [T] through the states of a text (blank, character, blank, …) says, scores [T, states]."""
    if not len(path):
        return Decoded((), (), (), (), confidence)
    probable = scores[np.arange(len(path)), path]
    firsts = np.flatnonzero(np.concatenate([[True], path[1:] != path[:-1]]))
    ends = np.append(firsts[1:], len(path))
    letters = path[firsts] % 2 == 1
    sure = np.exp(np.maximum.reduceat(probable, firsts)[letters]).clip(0, 1)
    return Decoded(
        text,
        tuple(firsts[letters].tolist()),
        tuple(ends[letters].tolist()),
        tuple(sure.tolist()),
        confidence,
    )


@dataclass(slots=True)
class _Beam:
    """The prefixes of all lines after a frame, arrays [lines, prefixes].

    Attributes:
        blank, label: weights of the paths that end in a blank, and in the prefix's last character.
        last: that character, or the blank for none.
        name, parent: hashes of the prefix, and of the one without its last character; 0 for none.
        context: of the language model.
        liked: logarithm of what model and length gave.
    """

    blank: Weights
    label: Weights
    last: Places
    name: NDArray[np.uint64]
    parent: NDArray[np.uint64]
    context: Places
    liked: Weights


def _searched(
    lines: Sequence[Frames], settings: BeamSettings, model: CharacterModel | None
) -> tuple[list[tuple[int, ...]], list[float], list[float]]:
    """For each line the text of the highest score, that score, and the model's share of it (α log p + β length)."""
    probabilities, labels, chances = _pruned(lines, settings)
    count = len(lines)
    start = model.begin() if model else 0
    none, zero = np.zeros((count, 1)), np.zeros((count, 1), np.int64)
    beam = _Beam(
        np.ones((count, 1)), none, zero,
        np.ones((count, 1), np.uint64), np.zeros((count, 1), np.uint64), np.full((count, 1), start), none,
    )  # fmt: skip
    scale = np.zeros(count)
    came: list[tuple[Places, Places]] = []
    for frame, candidates, chance in zip(probabilities, labels, chances, strict=True):
        beam, origin, added = _extended(beam, frame, candidates, chance, settings, model)
        came.append((origin, added))
        most = (beam.blank + beam.label).max(axis=1, keepdims=True)
        beam.blank /= most
        beam.label /= most
        scale += np.log(most[:, 0])
    totals = beam.blank + beam.label
    ends = model.ends(beam.context) if model else np.ones_like(totals)
    rows, best = np.arange(count), (totals * ends).argmax(axis=1)
    texts: list[list[int]] = [[] for _ in lines]
    place = best
    for origin, added in reversed(came):
        for row, label in zip(rows.tolist(), added[rows, place].tolist(), strict=True):
            if label:
                texts[row].append(label)
        place = origin[rows, place]
    end = np.log(ends[rows, best])
    scores = np.log(totals[rows, best]) + scale + end
    return [tuple(reversed(t)) for t in texts], scores.tolist(), (beam.liked[rows, best] + end).tolist()


def _extended(
    beam: _Beam,
    frame: Weights,
    labels: Places,
    chances: Weights,
    settings: BeamSettings,
    model: CharacterModel | None,
) -> tuple[_Beam, Places, Places]:
    """One frame: every prefix stays as it is or takes one more character, and the best of all these are kept.

    Args:
        frame: [lines, classes], probabilities.
        labels: [lines, c], the characters that may be added.
        chances: [lines, c], their probabilities; 0 where there are fewer.

    Returns:
        The new beam; for each of its prefixes, which of the old ones it comes from and what was added (blank: nothing).
    """
    rows = np.arange(len(frame))[:, None]
    totals = beam.blank + beam.label
    stay_blank = totals * frame[:, BLANK, None]
    stay_label = beam.label * frame[rows, beam.last]
    # The same character again is a new one only after a blank.
    again = beam.last[:, :, None] == labels[:, None, :]
    more = np.where(again, beam.blank[:, :, None], totals[:, :, None]) * chances[:, None, :]
    weights = model.weights(beam.context[:, :, None], labels[:, None, :]) if model else np.ones_like(more)
    more *= weights

    # A longer prefix that is in the beam already takes what its parent brings.
    line, child, parent = np.nonzero(beam.parent[:, :, None] == beam.name[:, None, :])
    same = labels[line] == beam.last[line, child][:, None]
    known = same.any(axis=1)
    line, child, parent, column = line[known], child[known], parent[known], same[known].argmax(axis=1)
    stay_label[line, child] += more[line, parent, column]
    more[line, parent, column] = 0.0

    old, columns = totals.shape[1], labels.shape[1]
    stay = stay_blank + stay_label
    more = more.reshape(len(frame), -1)
    best = np.minimum(np.maximum(stay.max(axis=1), more.max(axis=1)), 1)  # 1: the best before this frame
    more[more <= settings.margin * best[:, None]] = 0.0
    scores = np.concatenate([stay, more], axis=1)
    width = min(settings.width, scores.shape[1])
    chosen = np.argpartition(scores, -width, axis=1)[:, -width:]

    grown = chosen >= old
    added_place = np.where(grown, chosen - old, 0)
    origin = np.where(grown, added_place // columns, chosen)
    added = np.where(grown, labels[rows, added_place % columns], BLANK)
    name, context, liked = beam.name[rows, origin], beam.context[rows, origin], beam.liked[rows, origin]
    alive = scores[rows, chosen] > 0
    if model:
        taken = grown & alive
        context[taken] = model.after(context[taken], added[taken])
        liked[taken] += np.log(weights.reshape(len(frame), -1)[rows, added_place][taken])
    new = _Beam(
        blank=np.where(grown, 0.0, stay_blank[rows, origin]),
        label=np.where(grown, scores[rows, chosen], stay_label[rows, origin]),
        # What fills the beam without any weight must not be taken for the prefix that it was.
        last=np.where(alive, np.where(grown, added, beam.last[rows, origin]), BLANK),
        name=np.where(alive, np.where(grown, (name + added.astype(np.uint64)) * _HASH, name), _NOBODY),
        parent=np.where(alive, np.where(grown, name, beam.parent[rows, origin]), _NOBODY),
        context=context,
        liked=liked,
    )
    return new, origin, added


def _pruned(lines: Sequence[Frames], settings: BeamSettings) -> tuple[Weights, Places, Weights]:
    """Probabilities [T, lines, classes], the characters worth adding [T, lines, c] and their probabilities [T, lines, c],
    0 where there are fewer. After its end a line has blanks, which change nothing."""
    classes, total = lines[0].shape[1], max(len(line) for line in lines)
    probabilities = np.zeros((total, len(lines), classes))
    probabilities[:, :, BLANK] = 1.0
    for row, line in enumerate(lines):
        np.exp(line, out=probabilities[: len(line), row], dtype=np.float64)
    characters = min(settings.characters, classes - 1)
    letters = probabilities[:, :, 1:]
    labels = np.argpartition(letters, -characters, axis=2)[:, :, -characters:]
    chances = np.take_along_axis(letters, labels, axis=2)
    enough = (chances >= settings.least) | (chances == chances.max(axis=2, keepdims=True))
    if settings.blank < 1:
        enough &= probabilities[:, :, BLANK, None] <= settings.blank
    return probabilities, labels + 1, np.where(enough, chances, 0.0)
