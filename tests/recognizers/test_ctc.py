"""Best path decoding and path sums, against sums over every path."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ocr_core.recognizers.decoding.ctc import greedy, label_log_probability


def _collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(c for c, _ in itertools.groupby(path) if c != 0)


def _log_probs(rng: np.random.Generator, frames: int, classes: int) -> np.ndarray:
    logits = rng.normal(0, 2, (frames, classes))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (3, 3), (5, 3), (6, 4)])
def test_label_probabilities_are_sums_over_all_paths(frames: int, classes: int) -> None:
    scores = _log_probs(np.random.default_rng(frames), frames, classes)
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(classes), repeat=frames):
        probability = math.exp(sum(float(scores[t, c]) for t, c in enumerate(path)))
        sums[_collapse(path)] = sums.get(_collapse(path), 0.0) + probability
    for labels, probability in sums.items():
        assert math.exp(label_log_probability(scores, labels)) == pytest.approx(probability, rel=1e-5)
    assert sum(sums.values()) == pytest.approx(1.0, rel=1e-5)


def test_impossible_labels_have_no_probability() -> None:
    scores = _log_probs(np.random.default_rng(0), 2, 3)
    assert label_log_probability(scores, (1, 1)) == -math.inf  # a repeat needs a blank between
    assert label_log_probability(scores, (1, 2, 1)) == -math.inf


def test_greedy_takes_the_most_probable_path() -> None:
    for seed in range(20):
        scores = _log_probs(np.random.default_rng(seed), 5, 3)
        best = max(
            itertools.product(range(3), repeat=5),
            key=lambda path: sum(float(scores[t, c]) for t, c in enumerate(path)),
        )
        decoded = greedy(scores)
        assert decoded.classes == _collapse(best)
        sure = decoded.confidences or [math.exp(scores[t, 0]) for t in range(5)]
        assert decoded.confidence == pytest.approx(math.prod(sure) ** (1 / len(sure)), rel=1e-5)


def test_positions_and_confidences_of_characters() -> None:
    # frames:            -     a     a     -     a     b
    best = np.array([0, 1, 1, 0, 1, 2])
    sure = np.array([0.9, 0.5, 0.8, 0.9, 0.6, 0.7])
    probabilities = np.full((6, 3), 0.0)
    for t in range(6):
        probabilities[t] = (1 - sure[t]) / 2
        probabilities[t, best[t]] = sure[t]
    decoded = greedy(np.log(probabilities).astype(np.float32))
    assert decoded.classes == (1, 1, 2)
    assert decoded.starts == (1, 4, 5)
    assert decoded.ends == (3, 5, 6)
    assert decoded.confidences == pytest.approx((0.8, 0.6, 0.7), rel=1e-5)
    assert decoded.confidence == pytest.approx((0.8 * 0.6 * 0.7) ** (1 / 3), rel=1e-5)


def test_a_line_on_which_nothing_stands_is_as_sure_as_its_blanks() -> None:
    decoded = greedy(np.log(np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)))
    assert decoded.classes == ()
    assert decoded.confidence == pytest.approx(math.sqrt(0.9 * 0.8), rel=1e-5)


def test_a_line_without_frames_is_empty_and_certain() -> None:
    decoded = greedy(np.zeros((0, 5), np.float32))
    assert decoded.classes == ()
    assert decoded.confidence == 1.0
