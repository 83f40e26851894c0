"""Batches hold every page once, in order, and get smaller towards the end."""

from __future__ import annotations

import pytest

from tasks.workshop import in_batches
from tests.flows.test_pool import unit


@pytest.mark.parametrize(
    ("most", "readers", "units"), [(8, 2, 20), (8, 4, 100), (1, 1, 3), (256, 2, 7), (8, 2, 0)]
)
def test_batches_hold_every_unit_once_in_order(most: int, readers: int, units: int) -> None:
    source = [tuple(unit(f"doc{number}", pages=2)) for number in range(units)]
    batches = list(in_batches(iter(source), 2 * units, most, readers))
    assert [u for batch in batches for u in batch] == source
    assert all(batches)
    assert all(sum(map(len, batch)) <= most + 1 for batch in batches)


def test_the_last_batches_are_small_so_that_no_reader_works_on_alone() -> None:
    source = [tuple(unit(f"doc{number}")) for number in range(200)]
    sizes = [len(batch) for batch in in_batches(iter(source), 200, 8, readers=2)]
    assert sizes[:20] == [8] * 20
    assert sizes[-4:-1] == [4] * 3
    assert sizes == sorted(sizes, reverse=True)
