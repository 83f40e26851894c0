"""Pictures are answered one by one and in order, and read in batches that keep to their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.errors import PageError
from ocr_core.recognizers.pictures import LineJob, answer_each, check_line, line_batches


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 9), st.integers(1, 2000))
def test_batches_hold_every_line_once_and_keep_to_their_bounds(
    widths: list[int], most: int, columns: int
) -> None:
    jobs = [LineJob(place, np.zeros((2, width), np.uint8), 1.0) for place, width in enumerate(widths)]
    found = list(line_batches(jobs, most, columns))
    assert sorted(job.place for batch in found for job in batch) == list(range(len(widths)))
    for batch in found:
        padded = len(batch) * max(job.image.shape[1] for job in batch)
        assert len(batch) <= most
        assert padded <= columns or len(batch) == 1  # a line that is too long is read alone


@given(st.lists(st.integers(-5, 5), max_size=20))
def test_each_picture_has_its_own_answer_or_error(numbers: list[int]) -> None:
    def positive(number: int) -> int:
        if number < 0:
            raise PageError("negative", f"{number}", remedy="")
        return number

    answers = answer_each(numbers, positive, lambda some: [10 * number for number in some])
    assert [a.message if isinstance(a, PageError) else a for a in answers] == [
        str(number) if number < 0 else 10 * number for number in numbers
    ]


def test_a_line_as_long_as_a_reader_takes_is_no_rule() -> None:
    check_line(np.zeros((10, 50), np.uint8), longest=5)
    with pytest.raises(PageError, match="51 pixels long and 10 high"):
        check_line(np.zeros((10, 51), np.uint8), longest=5)
