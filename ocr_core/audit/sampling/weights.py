"""What the lines of a sample stand for, and the sums over pages that rates are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ocr_core.audit.metrics.intervals import Clusters, Floats


class SampleWeights:
    """Weights of the lines that were measured, which may be fewer than were drawn.

    A line stands for pages of the stratum / measured pages × lines of its page / measured lines there. So lines that were
    not transcribed yet, or cannot be read, are taken to be like the others of their page and stratum.

    Attributes:
        lines: [lines], how many lines of the library each stands for.
    """

    def __init__(
        self,
        pages: ArrayLike,
        strata: ArrayLike,
        stratum_pages: ArrayLike,
        page_lines: ArrayLike,
    ) -> None:
        """Each of one entry a line: its page, the page's stratum, the pages there, the read lines of its page."""
        _, first, self._page = np.unique(
            np.asarray(pages, dtype=object), return_index=True, return_inverse=True
        )
        self._on_page = np.bincount(self._page).astype(np.float64)
        _, of_line = np.unique(np.asarray(strata), return_inverse=True)
        self._stratum: NDArray[np.int64] = of_line[first].astype(np.int64)
        all_pages = np.zeros(int(self._stratum.max(initial=-1)) + 1)
        all_pages[self._stratum] = np.asarray(stratum_pages, dtype=np.float64)[first]
        measured = np.bincount(self._stratum, minlength=len(all_pages))
        of_page = np.asarray(page_lines, dtype=np.float64)[first] / self._on_page
        expanded = (all_pages / np.maximum(measured, 1))[self._stratum] * of_page
        self.lines: Floats = expanded[self._page]
        self._unread = np.maximum(1 - 1 / of_page, 0.0)  # share of the page's lines that were not measured
        self._fractions = np.minimum(measured / np.maximum(all_pages, 1), 1.0)
        # Of one line nobody knows how lines of the page vary; then the page counts as if it were one of many.
        unknown = np.bincount(self._stratum, (self._on_page < 2) & (self._unread > 0), len(all_pages)) > 0
        self._fractions = np.where(unknown, 0.0, self._fractions)
        self._variance_strata, self._variance_fractions = _collapsed(self._stratum, self._fractions)

    def clusters(self, errors: ArrayLike, totals: ArrayLike, where: ArrayLike | None = None) -> Clusters:
        """The weighted sums over pages of what was counted on the lines.

        Args:
            errors, totals: [lines], e.g. edits and characters.
            where: [lines], which lines count; pages without any stay, as pages that add nothing.
        """
        counted = 1.0 if where is None else np.asarray(where, dtype=np.float64)
        e = np.asarray(errors, dtype=np.float64) * self.lines * counted
        c = np.asarray(totals, dtype=np.float64) * self.lines * counted
        pages = len(self._on_page)
        es: Floats = np.bincount(self._page, e, pages).astype(np.float64)
        cs: Floats = np.bincount(self._page, c, pages).astype(np.float64)
        share = self._fractions[self._stratum] * self._unread
        share *= self._on_page / np.maximum(self._on_page - 1, 1)
        within = [
            (share * (np.bincount(self._page, a * b, pages) - sa * sb / self._on_page)).sum()
            for a, b, sa, sb in ((e, e, es, es), (e, c, es, cs), (c, c, cs, cs))
        ]
        return Clusters(es, cs, self._variance_strata, self._variance_fractions, np.array(within))


def _collapsed(strata: NDArray[np.int64], fractions: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Strata for the variance: those with one page of several are put together, or to the largest, because one page has no
    variance (collapsed strata, Cochran 1977, section 5A.12)."""
    counts = np.bincount(strata, minlength=len(fractions))
    single = np.flatnonzero((counts == 1) & (fractions < 1))
    if not len(single) or len(counts) == 1:
        return strata, fractions
    others = np.flatnonzero(counts > 1)
    target = single[0] if len(single) > 1 or not len(others) else others[np.argmax(counts[others])]
    mapping = np.arange(len(counts))
    mapping[single] = target
    fractions = fractions.copy()
    fractions[target] = 0.0 if len(single) > 1 else fractions[target]
    return mapping[strata], fractions
