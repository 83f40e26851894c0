"""The baseline measure of cBAD, on pages small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.audit.metrics.baselines import baseline_rates, even_chain, mean_rates, tolerances


def line(x0, x1, y, y1=None):
    return np.array([[x0, y], [x1, y if y1 is None else y1]], float)


# Two lines 40 pixels apart: points count fully within 10 pixels and not at all from 30 on.
PAGE = [line(0, 100, 100), line(0, 100, 140)]


def test_the_truth_itself_is_perfect():
    rates = baseline_rates(PAGE, PAGE[::-1])
    assert (rates.precision, rates.recall, rates.f1) == (1, 1, 1)


@pytest.mark.parametrize("shift, share", [(-9, 1), (-15, 0.75), (-20, 0.5), (-29, 0.05), (-30, 0)])
def test_a_shift_costs_linearly_between_one_and_three_tolerances(shift, share):
    moved = [PAGE[0] + [0, shift]]
    rates = baseline_rates(PAGE, moved)
    assert rates.precision == pytest.approx(share)
    # The second true line lies 40 + |shift| away from what was found: nothing of it is covered.
    assert rates.recall == pytest.approx(share / 2)


def test_a_line_in_two_pieces_costs_precision_only():
    pieces = [line(0, 50, 100), line(51, 100, 100), PAGE[1]]
    rates = baseline_rates(PAGE, pieces)
    assert rates.recall == pytest.approx(1)
    assert rates.precision == pytest.approx(2 / 3)  # one piece finds its partner taken


def test_two_lines_run_together_cost_precision_only():
    true = [line(0, 100, 100), line(200, 300, 100), line(0, 300, 140)]
    rates = baseline_rates(true, [line(0, 300, 100), true[2]])
    assert rates.recall == pytest.approx(1)
    # Of the run of 301 points 101 lie on one of the lines, 10 after it fully, 19 fade out: (101 + 10 + 9.5) / 301.
    assert rates.precision == pytest.approx((1 + 120.5 / 301) / 2)


def test_a_missed_and_an_invented_line():
    assert baseline_rates(PAGE, PAGE[:1]).recall == pytest.approx(0.5)
    assert baseline_rates(PAGE, PAGE[:1]).precision == 1
    invented = baseline_rates(PAGE, [*PAGE, line(0, 100, 500)])
    assert (invented.precision, invented.recall) == (pytest.approx(2 / 3), 1)


def test_pages_without_lines():
    assert baseline_rates([], []) == baseline_rates(PAGE, PAGE)
    assert (baseline_rates([], PAGE).precision, baseline_rates([], PAGE).recall) == (0, 1)
    assert (baseline_rates(PAGE, []).precision, baseline_rates(PAGE, []).recall) == (1, 0)


def test_tolerance_is_a_quarter_of_the_distance_to_the_nearest_line_and_no_more_than_the_means():
    lines = [line(0, 100, 0), line(0, 100, 20), line(0, 100, 120), line(500, 600, 0)]
    # Distances 20, 20, 100 and none: their mean is 140 / 3.
    assert tolerances([even_chain(b) for b in lines]) == pytest.approx([5, 5, 35 / 3, 35 / 3])


def test_distance_is_measured_across_sloping_lines():
    # Parallel lines falling 3 in 4, 50 pixels apart in y: 40 across.
    lines = [line(0, 400, 0, 300), line(0, 400, 50, 350)]
    assert tolerances([even_chain(b) for b in lines]) == pytest.approx([10, 10], abs=0.1)


def test_chains_are_made_even_and_sets_are_means_over_pages():
    assert len(even_chain(np.array([[0, 0], [30, 40], [30, 50]], float))) == 61
    assert mean_rates([baseline_rates(PAGE, PAGE), baseline_rates(PAGE, [])]).recall == 0.5
    assert mean_rates([]).f1 == 0
