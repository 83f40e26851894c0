"""Pieces of lines joined end to start, worked by hand."""

from __future__ import annotations

from ocr_core.layout.crests import chains


def test_the_cheapest_bridge_wins_and_every_piece_is_in_one_chain() -> None:
    bridges = [(2.0, 0, 2), (1.0, 1, 2), (3.0, 0, 3), (0.5, 2, 4)]
    assert chains(bridges, 6) == [[0, 3], [1, 2, 4], [5]]


def test_without_bridges_every_piece_is_a_line() -> None:
    assert chains([], 3) == [[0], [1], [2]]
    assert chains([], 0) == []
