from __future__ import annotations

import numpy as np
import pytest

from ocr_core.training.calibrate import calibrate, expected_calibration_error, fit_calibration, line_accuracy
from ocr_core.training.metrics import error_rates


def test_error_rates_sum_before_they_divide() -> None:
    rates = error_rates(["abcd", "a b"], ["abxd", "a"])
    assert rates.cer == pytest.approx(3 / 7)
    assert rates.wer == pytest.approx(2 / 3)
    assert rates.lines == 2


def test_line_accuracy() -> None:
    assert line_accuracy("abcd", "abcd") == 1
    assert line_accuracy("abcd", "abxd") == 0.75
    assert line_accuracy("", "abc") == 0
    assert line_accuracy("", "") == 1


def test_expected_calibration_error_on_a_worked_case() -> None:
    confidence = np.array([0.95, 0.95, 0.15, 0.15])
    right = np.array([1.0, 0.8, 0.25, 0.25])
    assert expected_calibration_error(confidence, right, np.ones(4)) == pytest.approx((0.05 + 0.1) / 2)
    weights = np.array([3.0, 3.0, 1.0, 1.0])
    assert expected_calibration_error(confidence, right, weights) == pytest.approx((0.05 * 6 + 0.1 * 2) / 8)


def test_calibration_straightens_a_boastful_confidence() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.3, 1, 2000)
    raw = truth**0.3
    right = np.clip(truth + rng.normal(0, 0.05, 2000), 0, 1)
    line = np.array(fit_calibration(raw, right, np.ones(2000)))
    assert (np.diff(line[:, 0]) > 0).all()
    assert (np.diff(line[:, 1]) >= 0).all()
    given = np.interp(raw, line[:, 0], line[:, 1])
    assert expected_calibration_error(raw, right, np.ones(2000)) > 0.1
    assert expected_calibration_error(given, right, np.ones(2000)) < 0.03


def test_calibration_never_falls_even_if_confidence_misleads() -> None:
    line = np.array(fit_calibration(np.linspace(0, 1, 50), np.linspace(1, 0, 50), np.ones(50)))
    assert len(line) == 2
    assert line[1, 1] == pytest.approx(0.5)


def test_what_is_less_sure_than_any_line_measured_is_taken_to_be_worse() -> None:
    line = np.array(fit_calibration(np.linspace(0.6, 1, 50), np.linspace(0.5, 1, 50), np.ones(50)))
    worst = np.interp(0.6, line[:, 0], line[:, 1])
    assert 0 < np.interp(0.3, line[:, 0], line[:, 1]) < 0.6 * worst


def test_error_is_measured_on_other_documents() -> None:
    truths, raw = ["abcd"] * 8, [0.9, 0.9, 0.1, 0.1] * 2
    documents = ["a"] * 4 + ["b"] * 4
    honest = calibrate(truths, ["abcd", "abcd", "x", "x"] * 2, raw, documents)
    assert honest.error == pytest.approx(0, abs=1e-6)
    unlike = calibrate(truths, ["abcd"] * 4 + ["x"] * 4, raw, documents)
    assert unlike.error > 0.5
    assert np.isnan(calibrate(truths, truths, raw, ["a"] * 8).error)
