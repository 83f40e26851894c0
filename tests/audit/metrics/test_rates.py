"""Error rates against jiwer, intervals against what they promise, alignments by hand."""

from __future__ import annotations

import math
import random

import jiwer
import numpy as np
import pytest

from ocr_core.audit.metrics.rates import (
    Confusion,
    calibration_error,
    confusions,
    page_rates,
    rate_with_interval,
    reliability,
    score_line,
)
from ocr_core.training.calibrate import expected_calibration_error


def _garbled(rng: random.Random, text: str) -> str:
    return "".join(rng.choice(["", c, c, c, c + "x", "é", " "]) for c in text)


def test_rates_are_those_of_jiwer() -> None:
    rng = random.Random(5)
    words = ["Kew", "orchids", "Sir", "ورّاق", "l'été", "1887", "the", "of"]
    truths = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(60)]
    readings = [" ".join(_garbled(rng, t).split()) for t in truths]
    scores = [
        score_line(f"p{n % 7}", str(n), t, r, 0.5)
        for n, (t, r) in enumerate(zip(truths, readings, strict=True))
    ]
    pages = page_rates(scores)
    cer = rate_with_interval([p.edits for p in pages], [p.characters for p in pages])
    wer = rate_with_interval([p.word_edits for p in pages], [p.words for p in pages])
    assert cer.value == pytest.approx(jiwer.cer(truths, readings), abs=1e-9)
    assert wer.value == pytest.approx(jiwer.wer(truths, readings), abs=1e-9)
    for number, page in enumerate(pages):
        own = [(s.truth, s.reading) for s in scores if s.page == page.page]
        assert page.page == f"p{number}"
        assert page.cer == pytest.approx(jiwer.cer(*map(list, zip(*own, strict=True))), abs=1e-9)
        assert page.wer == pytest.approx(jiwer.wer(*map(list, zip(*own, strict=True))), abs=1e-9)


def test_intervals_hold_the_true_rate_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(60):
        difficulty = rng.beta(4, 12, 40)  # mean 0.25
        edits = rng.binomial(400, difficulty)
        rate = rate_with_interval(edits.tolist(), [400] * 40, seed=trial)
        assert rate.low is not None and rate.high is not None
        assert rate.low <= rate.value <= rate.high
        held += rate.low <= 0.25 <= rate.high
    assert held >= 51  # 57 expected; fewer than 51 once in a thousand runs


def test_an_interval_is_the_same_every_time_and_needs_two_pages() -> None:
    assert rate_with_interval([1, 2, 9], [10, 10, 10]) == rate_with_interval([1, 2, 9], [10, 10, 10])
    alone = rate_with_interval([3], [12])
    assert (alone.value, alone.low, alone.high) == (0.25, None, None)
    alike = rate_with_interval([2, 2, 2], [10, 10, 10])
    assert (alike.low, alike.high) == (pytest.approx(0.2), pytest.approx(0.2))


def test_confusions_are_counted_from_alignments() -> None:
    scores = [
        score_line("p", "1", "burn", "bum", 1.0),  # r→m and n lost, or r lost and n→m
        score_line("p", "2", "Kew", "Kews", 1.0),
        score_line("p", "3", "a b", "ab", 1.0),
        score_line("p", "4", "cat", "cut", 1.0),
        score_line("p", "5", "hat", "hut", 1.0),
    ]
    found = confusions(scores)
    assert found[0] == Confusion("a", "u", 2)
    assert Confusion("", "s", 1) in found
    assert Confusion(" ", "", 1) in found
    assert sum(c.count for c in found) == sum(s.edits for s in scores)


def test_an_empty_reading_is_all_deletions_and_an_empty_truth_does_not_divide_by_nought() -> None:
    lost = score_line("p", "1", "abc", "", 0.0)
    assert (lost.edits, lost.error_rate, lost.accuracy, lost.word_edits) == (3, 1.0, 0.0, 1)
    assert {c.truth for c in confusions([lost])} == {"a", "b", "c"}
    assert score_line("p", "1", "", "ab", 0.0).error_rate == 2.0


def test_reliability_agrees_with_the_error_that_training_reports() -> None:
    rng = np.random.default_rng(3)
    letters = list("abcdefgh ")
    scores = []
    for number in range(200):
        truth = "".join(rng.choice(letters, rng.integers(1, 30))).strip() or "a"
        sure = float(rng.uniform())
        reading = "".join(c if rng.uniform() < sure else "x" for c in truth)
        scores.append(score_line("p", str(number), truth, reading, sure))
    bins = reliability(scores)
    assert sum(b.lines for b in bins) == 200
    assert all(b.low <= b.confidence <= b.high for b in bins)
    expected = expected_calibration_error(
        np.array([s.confidence for s in scores]),
        np.array([s.accuracy for s in scores]),
        np.array([s.characters for s in scores], dtype=float),
    )
    assert calibration_error(bins) == pytest.approx(expected)
    assert calibration_error(bins) < 0.08


def test_certainty_falls_into_the_last_bin_and_no_lines_have_no_error() -> None:
    [only] = reliability([score_line("p", "1", "ab", "ab", 1.0)])
    assert (only.low, only.high, only.right) == (0.9, 1.0, 1.0)
    assert math.isnan(calibration_error(reliability([])))


def test_few_pages_do_not_pretend_to_know() -> None:
    """Of two pages every other draw is twice the same page, which has no spread."""
    two = rate_with_interval([1, 3], [10, 10])
    assert (
        two.low == 0.0 and two.high is not None and two.high > 1.0
    )  # Student's t with one degree of freedom is 12.7
    # Three pages of 10, 20 and 30 % wrong: 20 % ± 4.303 times 10 / √3.
    three = rate_with_interval([10, 20, 30], [100, 100, 100])
    assert three.high == pytest.approx(0.2 + 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    alike = rate_with_interval(
        [10, 10, 30, 10], [100, 100.001, 100, 99.999]
    )  # draws of the like ones have next to no spread
    assert alike.high is not None and alike.high < 0.4
    none = rate_with_interval([0] * 30, [50] * 30)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 30))
