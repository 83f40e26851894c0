"""A reader that writes tokens one after the other may end up writing the same passage for ever."""

from __future__ import annotations

from collections.abc import Sequence

LEAST, TIMES, LONGEST = 24, 4, 48
"""A text is a loop where its last so many tokens or more are one passage so many times or more; the longest passage."""


def loops(tokens: Sequence[int]) -> bool:
    """Whether a text ends in one passage over and over."""
    return loop_length(tokens) > 0


def loop_length(tokens: Sequence[int]) -> int:
    """How many tokens at the end of a text only repeat what stands before them; 0 where it does not loop."""
    for length in range(1, min(LONGEST, len(tokens) // TIMES) + 1):
        last = tokens[-length:]
        count = 1
        while tokens[-length * (count + 1) : -length * count] == last:
            count += 1
        if count >= TIMES and count * length >= LEAST:
            return (count - 1) * length
    return 0
