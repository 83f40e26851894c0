"""Reading the output of a CTC network: the best path, its confidence and where its characters stand.

After Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2 (best path decoding).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.recognizers.decoding.charset import BLANK

Frames = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The best path of one line.

    Attributes:
        classes: of the characters, blanks and repeats removed.
        starts, ends: half-open range of frames in which each character is the best class.
        confidences: of each character, 0..1: the highest probability it has in its frames.
        confidence: of the line, 0..1: geometric mean of those of its characters;
            where it has none, of the probability of the blank in its frames; 1 for a line without frames.
    """

    classes: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    confidences: tuple[float, ...]
    confidence: float


def greedy(log_probs: Frames) -> Decoded:
    """Decode the best path.

    Args:
        log_probs: float [T, classes], natural logarithms, class 0 the blank.
    """
    if len(log_probs) == 0:
        return Decoded((), (), (), (), 1.0)
    best = log_probs.argmax(axis=1)
    peak = log_probs[np.arange(len(best)), best]
    firsts = np.flatnonzero(np.concatenate([[True], best[1:] != best[:-1]]))
    ends = np.append(firsts[1:], len(best))
    highest = np.maximum.reduceat(peak, firsts)
    kept = best[firsts] != BLANK
    return Decoded(
        tuple(best[firsts][kept].tolist()),
        tuple(firsts[kept].tolist()),
        tuple(ends[kept].tolist()),
        tuple(np.exp(highest[kept]).clip(0, 1).tolist()),
        _line_confidence(highest[kept], peak),
    )


def _line_confidence(characters: NDArray[np.floating], path: NDArray[np.floating]) -> float:
    """Geometric mean of the probabilities of a line's characters, 0..1; of a line that has none, of its frames' blanks.

    The frames between characters are left out where there are characters: most are blank whatever the line says, and
    with them a line that cannot be read is as sure as one that can.

    Args:
        characters: natural log of the highest probability that each character has in its frames.
        path: natural log of the probability of the path's class in each frame.
    """
    return float(np.exp((characters if len(characters) else path).mean()).clip(0, 1))


@dataclass(frozen=True, slots=True)
class Alignment:
    """The likeliest path that writes given labels: the frame in which each is likeliest, and its log probability."""

    frames: tuple[int, ...]
    log_probability: float


def alignment(log_probs: Frames, labels: tuple[int, ...]) -> Alignment | None:
    """Where given labels stand: the best path that writes them, by the Viterbi recursion over the forward states.

    Args:
        log_probs: float [T, classes], natural logarithms, class 0 the blank.
        labels: classes without blanks.

    Returns:
        None where there are too few frames for the labels, or no path is possible.
    """
    extended, skip = _states(labels)
    scores = log_probs[:, extended]  # [T, states]
    best = np.full(len(extended), -np.inf)
    best[0] = 0.0
    came = np.zeros(scores.shape, np.int8)
    for t, frame in enumerate(scores):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], best[:-2]])[: len(best)], -np.inf)
        ways = np.stack([best, one, two])
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + frame
    state = len(extended) - 1 if len(extended) == 1 or best[-1] >= best[-2] else len(extended) - 2
    total = float(best[state])
    if len(scores) == 0 or total == -np.inf:
        return None
    peaks = np.full(len(labels), -np.inf)
    frames = np.zeros(len(labels), np.int64)
    for t in range(len(scores) - 1, -1, -1):
        label, odd = divmod(state, 2)
        if odd and scores[t, state] > peaks[label]:
            peaks[label], frames[label] = scores[t, state], t
        state -= int(came[t, state])
    return Alignment(tuple(frames.tolist()), total)


def label_log_probability(log_probs: Frames, labels: tuple[int, ...]) -> float:
    """Log probability that the network writes a label sequence: the sum over all its paths, by the forward recursion.

    Args:
        log_probs: float [T, classes], natural logarithms, class 0 the blank.
        labels: classes without blanks.
    """
    extended, skip = _states(labels)
    alpha = np.full(len(extended), -np.inf)
    alpha[0] = 0.0 if len(log_probs) == 0 else log_probs[0, BLANK]
    if len(extended) > 1 and len(log_probs):
        alpha[1] = log_probs[0, extended[1]]
    for frame in log_probs[1:]:
        one = np.concatenate([[-np.inf], alpha[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], alpha[:-2]])[: len(alpha)], -np.inf)
        alpha = np.logaddexp(np.logaddexp(alpha, one), two) + frame[extended]
    return float(np.logaddexp(alpha[-1], alpha[-2]) if len(alpha) > 1 else alpha[-1])


def _states(labels: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with blanks around each, int [2 L + 1], and which of these may follow the last but one before it."""
    extended = np.full(2 * len(labels) + 1, BLANK)
    extended[1::2] = labels
    skip = np.zeros(len(extended), dtype=bool)
    skip[2:] = (extended[2:] != BLANK) & (extended[2:] != extended[:-2])
    return extended, skip
