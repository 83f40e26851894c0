"""Courses of lines: joined end to start, compared, smoothed and enlarged, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.layout.crests import Course, chains, distance, enlarged_ys, longest_run, smoothed


def test_the_cheapest_bridge_wins_and_every_piece_is_in_one_chain() -> None:
    bridges = [(2.0, 0, 2), (1.0, 1, 2), (3.0, 0, 3), (0.5, 2, 4)]
    assert chains(bridges, 6) == [[0, 3], [1, 2, 4], [5]]


def test_without_bridges_every_piece_is_a_line() -> None:
    assert chains([], 3) == [[0], [1], [2]]
    assert chains([], 0) == []


def test_distance_is_that_of_the_columns_two_courses_share() -> None:
    level, slope = Course(10, np.full(5, 3.0)), Course(12, np.array([3.0, 4, 5, 90, 90]))
    assert distance(level, slope) == distance(slope, level) == (3, 1.0)
    assert distance(level, Course(15, np.zeros(4))) == (0, np.inf)


def test_smoothing_takes_ripples_away_and_keeps_slopes_to_the_ends() -> None:
    slope = np.arange(20) * 0.5
    assert smoothed(slope, 4) == pytest.approx(slope)
    rippled = smoothed(slope + np.resize([1.0, -1.0], 20), 4)
    assert np.abs(rippled - slope)[5:-5].max() < 0.02
    assert np.array_equal(smoothed(slope[:4], 4), slope[:4])


def test_a_course_of_a_smaller_map_runs_through_the_centres_of_the_larger_pixels() -> None:
    """A pixel of the small map is two wide and three high: its centre lies at 0.5 and at 1 of the large one."""
    ys = enlarged_ys(np.array([0.0, 1.0]), 4, 8, 12, 2, 3)
    assert ys == pytest.approx([1.0, 1.75, 3.25, 4.0])


def test_the_longest_run() -> None:
    assert longest_run(np.array([1, 0, 1, 1, 0, 1, 1], bool)) == (2, 2)
    assert longest_run(np.zeros(3, bool)) == (0, 0)
