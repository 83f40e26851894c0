"""Prefix beam search against sums over every path, and its bookkeeping against the best path's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ocr_core.recognizers.decoding.beam import EXACT, BeamSettings, CharacterModel, align, beam_search
from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.recognizers.decoding.ctc import greedy, label_log_probability
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.training.language.kneser_ney import estimate

CHARSET = Charset("abc")
ALPHA, BETA = 0.7, 0.4


@pytest.fixture(scope="module")
def language() -> NgramModel:
    return estimate(["abca", "abab", "cab", "acab", "bca", "aabb", "", "ca"] * 3, 3, (1, 1, 1))


def _log_probs(seed: int, frames: int, classes: int = 4, spread: float = 1.5) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, spread, (frames, classes))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


def _collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(c for c, _ in itertools.groupby(path) if c != 0)


def _sums(scores: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every text: the sum over all the paths that write it."""
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        probability = math.exp(sum(float(scores[t, c]) for t, c in enumerate(path)))
        sums[_collapse(path)] = sums.get(_collapse(path), 0.0) + probability
    return sums


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6])
def test_finds_the_most_probable_text_of_all_paths(frames: int) -> None:
    for seed in range(12):
        scores = _log_probs(seed, frames)
        sums = _sums(scores)
        best = max(sums, key=lambda text: sums[text])
        (reading,) = beam_search([scores], EXACT)
        assert reading.decoded.classes == best
        assert math.exp(reading.log_probability) == pytest.approx(sums[best], rel=1e-5)
        assert reading.score == pytest.approx(reading.log_probability)


@pytest.mark.parametrize("frames", [1, 2, 4, 6])
def test_finds_the_text_that_network_and_language_model_like_best(frames: int, language: NgramModel) -> None:
    model = CharacterModel(language, CHARSET, ALPHA, BETA)
    differs = 0
    for seed in range(12):
        scores = _log_probs(seed, frames)
        sums = _sums(scores)

        def score(text: tuple[int, ...], sums: dict[tuple[int, ...], float] = sums) -> float:
            liked = language.line_log_probability(CHARSET.decode(text))
            return math.log(sums[text]) + ALPHA * liked + BETA * len(text)

        best = max(sums, key=score)
        (reading,) = beam_search([scores], EXACT, model)
        assert reading.decoded.classes == best
        assert reading.score == pytest.approx(score(best), rel=1e-5)
        assert reading.log_probability == pytest.approx(math.log(sums[best]), rel=1e-5)
        differs += best != max(sums, key=lambda text: sums[text])
    assert differs or frames < 4  # the model has a say


def test_a_pruned_search_never_claims_more_than_all_paths_give(language: NgramModel) -> None:
    model = CharacterModel(language, CHARSET, ALPHA, BETA)
    for seed in range(30):
        scores = _log_probs(seed, 40, spread=3.0)
        (narrow,) = beam_search([scores], BeamSettings(width=4, characters=2), model)
        whole = label_log_probability(scores, narrow.decoded.classes)
        assert narrow.log_probability <= whole + 1e-6
        (wide,) = beam_search([scores], BeamSettings(width=64, characters=3, least=0.0, blank=1.0), model)
        assert narrow.score <= wide.score + 1e-6
        assert wide.log_probability <= label_log_probability(scores, wide.decoded.classes) + 1e-6


def test_a_text_of_the_best_path_keeps_its_positions() -> None:
    for seed in range(40):
        scores = _log_probs(seed, 12, spread=5.0)
        (reading,), best = beam_search([scores]), greedy(scores)
        if reading.decoded.classes == best.classes:
            assert reading.decoded == best
        else:
            assert [reading.decoded] == align([scores], [reading.decoded.classes], [best.confidence])


def test_alignment_is_the_most_probable_path_of_a_text() -> None:
    for seed in range(12):
        scores = _log_probs(seed, 6)
        for text in [(), (1,), (1, 1), (2, 1, 2), (3, 3, 1)]:
            paths = [p for p in itertools.product(range(4), repeat=6) if _collapse(p) == text]
            best = max(paths, key=lambda path: sum(float(scores[t, c]) for t, c in enumerate(path)))
            (found,) = align([scores], [text], [0.5])
            assert found.confidence == 0.5
            drawn = [0] * 6
            for start, end, label, sure in zip(
                found.starts, found.ends, found.classes, found.confidences, strict=True
            ):
                drawn[start:end] = [label] * (end - start)
                assert sure == pytest.approx(math.exp(scores[start:end, label].max()), rel=1e-5)
            assert tuple(drawn) == best


def test_alignment_of_the_best_path_is_what_greedy_says() -> None:
    scores = _log_probs(1, 30, spread=6.0)
    best = greedy(scores)
    (found,) = align([scores], [best.classes], [best.confidence])
    assert found.classes == best.classes
    assert found.starts == best.starts
    assert found.ends == best.ends
    assert found.confidences == pytest.approx(best.confidences)


def test_a_text_too_long_for_its_frames_has_no_alignment() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        align([_log_probs(0, 2)], [(1, 1)], [1.0])
    with pytest.raises(ValueError, match="cannot hold"):
        align([np.zeros((0, 4), np.float32)], [(1,)], [1.0])


def test_a_line_without_frames_is_empty_and_certain(language: NgramModel) -> None:
    (reading,) = beam_search([np.zeros((0, 4), np.float32)])
    assert reading.decoded == greedy(np.zeros((0, 4), np.float32))
    assert reading.log_probability == 0.0
    model = CharacterModel(language, CHARSET, 1.0, 0.0)
    (empty,) = beam_search([np.zeros((0, 4), np.float32)], EXACT, model)
    assert empty.score == pytest.approx(language.line_log_probability(""))


def test_certainties_of_nought_and_long_lines_do_not_underflow(language: NgramModel) -> None:
    scores = np.full((4000, 4), -np.inf, np.float32)
    scores[np.arange(4000), np.arange(4000) % 3 + 1] = 0.0  # abcabc…, without a doubt and without a blank
    (reading,) = beam_search([scores], BeamSettings(), CharacterModel(language, CHARSET, 1.0, 0.0))
    assert reading.decoded.classes == tuple(np.arange(4000) % 3 + 1)
    assert reading.log_probability == pytest.approx(0.0, abs=1e-6)
    even = np.full((3000, 4), math.log(0.25), np.float32)
    assert math.isfinite(beam_search([even])[0].log_probability)


def test_characters_that_the_model_does_not_know_can_be_read(language: NgramModel) -> None:
    scores = np.log(np.array([[0.02, 0.02, 0.02, 0.02, 0.92]], np.float32))
    model = CharacterModel(language, Charset("abcé"), ALPHA, BETA)
    assert beam_search([scores], BeamSettings(), model)[0].decoded.classes == (4,)
