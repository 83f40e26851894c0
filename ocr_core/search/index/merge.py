"""Keeping the segments of an index few: small ones become one, and those with many dead lines are written anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ocr_core.search.index import build
from ocr_core.search.index.files import Live
from ocr_core.search.index.segment import Segment

Keep = Callable[[build.Tables], Segment]
"""Makes a segment of tables: on the disk, or in memory."""

SEGMENT_LINES: Final = 1_000_000  # of a segment at most; making one takes about 1 GB
MERGED_AT: Final = 4  # segments of like size
DEAD_SHARE: Final = 0.25  # of a segment's lines, from which it is written anew


def to_merge(sizes: Sequence[int]) -> list[int]:
    """Which segments become one: the smallest, as long as each next is not larger than twice those before it
    together, if they are `MERGED_AT` at least. So every line is written anew only a few times, whatever the library
    grows to.

    Args:
        sizes: lines of each segment.
    """
    chosen: list[int] = []
    total = 0
    for place in sorted(range(len(sizes)), key=lambda place: sizes[place]):
        size = max(sizes[place], 1)
        if (chosen and size > 2 * total) or total + size > SEGMENT_LINES:
            break
        chosen.append(place)
        total += size
    return chosen if len(chosen) >= MERGED_AT else []


def merged(parts: Sequence[Live], keep: Keep) -> list[Live]:
    """The same lines in fewer segments, where `to_merge` says so."""
    chosen = to_merge([live.count for live in parts])
    if not chosen:
        return list(parts)
    rest = [live for place, live in enumerate(parts) if place not in chosen]
    return [*rest, _as_one([parts[place] for place in chosen], keep)]


def without_dead(parts: Sequence[Live], keep: Keep) -> list[Live]:
    """The segments that still count, those with many dead lines written anew."""
    return [
        _as_one([live], keep) if live.count < (1 - DEAD_SHARE) * live.segment.rows("lines") else live
        for live in parts
        if live.alive.any()
    ]


def _as_one(parts: Sequence[Live], keep: Keep) -> Live:
    return Live.whole(keep(build.assemble([live.segment.part(live.alive) for live in parts])))
