"""Strata of pages, and how many pages of each are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

VARIABLES: Final = ("collection", "engine", "script", "hand", "confidence")
"""What strata may differ in, the most important first."""
OTHER: Final = "other"
_LEAST_PAGES: Final = 2
"""Pages drawn in a stratum that has as many: one page has no variance."""
_PAGES_A_STRATUM: Final = 4
"""Pages drawn in a stratum on average, at least; more strata are not made."""

Cell = tuple[str, ...]
"""Values of the variables, in their order."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of something."""

    pages: int
    lines: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pages that are alike.

    Attributes:
        cells: the values of its pages.
        drawn: pages to draw, `_LEAST_PAGES`..pages (or all, if it has fewer).
    """

    name: str
    cells: tuple[Cell, ...]
    pages: int
    lines: int
    drawn: int


def make_strata(cells: Mapping[Cell, Size], pages: int, *, power: float = 1.0) -> list[Stratum]:
    """Strata of the cells that pages fall in, with pages to draw; rare cells are put together.

    Cells are joined by giving up what matters least, until no stratum is smaller than it may be and strata have
    `_PAGES_A_STRATUM` drawn pages on average.

    Args:
        pages: to draw in all, at least; every stratum gets two.
        power: pages are drawn in proportion to lines ** power: 1 is best for the overall rate, 0 gives every stratum the
            same, 0.5 is between (Bankier 1988).
    """
    least = _LEAST_PAGES
    names = _joined(cells, least)
    while len(set(names.values())) > max(1, pages // _PAGES_A_STRATUM):
        least *= 2
        names = _joined(cells, least)
    strata: dict[Cell, list[Cell]] = {}
    for cell in sorted(cells):
        strata.setdefault(names[cell], []).append(cell)
    sizes = [
        Size(sum(cells[c].pages for c in group), sum(cells[c].lines for c in group))
        for group in strata.values()
    ]
    drawn = _allocated(sizes, pages, power)
    return [
        Stratum(_called(name), tuple(group), size.pages, size.lines, number)
        for (name, group), size, number in zip(strata.items(), sizes, drawn, strict=True)
    ]


def _joined(cells: Mapping[Cell, Size], least: int) -> dict[Cell, Cell]:
    """The stratum of every cell. Small ones are joined with small ones that differ in the last variable only, and if that
    is not enough with the smallest of the others there; what is still small then, with what differs in the last two, and
    so on."""
    names = {cell: cell for cell in cells}
    width = len(next(iter(cells), ()))
    for kept in range(width - 1, -1, -1):
        pages: Counter[Cell] = Counter()
        for cell, name in names.items():
            pages[name] += cells[cell].pages
        groups: dict[Cell, list[Cell]] = {}
        for name in sorted(pages, key=lambda name: (pages[name], name)):
            groups.setdefault(name[:kept], []).append(name)
        for prefix, group in groups.items():
            small = [name for name in group if pages[name] < least]
            if small and sum(pages[name] for name in small) < least:
                small = group[: len(small) + 1]
            if len(small) > 1:
                joined = (*prefix, *[OTHER] * (width - kept))
                names = {cell: joined if name in small else name for cell, name in names.items()}
    return names


def _called(name: Cell) -> str:
    given = [value for value in name if value]
    while len(given) > 1 and given[-1] == given[-2] == OTHER:
        given.pop()
    return " · ".join(given) or "all"


def _allocated(sizes: Sequence[Size], pages: int, power: float) -> list[int]:
    """Pages by stratum: shares by size, rounded by largest remainder, with the least and the most that is possible."""
    drawn = [min(_LEAST_PAGES, size.pages) for size in sizes]
    open_ = {i for i, size in enumerate(sizes) if size.pages > drawn[i]}
    measure = [size.lines**power for size in sizes]
    while open_ and (left := pages - sum(n for i, n in enumerate(drawn) if i not in open_)) > 0:
        total = sum(measure[i] for i in open_)
        share = {i: left * measure[i] / total for i in open_}
        fixed = {i for i in open_ if share[i] <= drawn[i] or share[i] >= sizes[i].pages}
        if not fixed:
            floors = {i: int(share[i]) for i in open_}
            short = left - sum(floors.values())
            for i in sorted(open_, key=lambda i: (floors[i] - share[i], i))[:short]:
                floors[i] += 1
            for i in open_:
                drawn[i] = min(floors[i], sizes[i].pages)
            break
        full = {i for i in fixed if share[i] >= sizes[i].pages}
        for i in full:
            drawn[i] = sizes[i].pages
        open_ -= full or fixed
    return drawn
