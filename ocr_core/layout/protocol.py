"""The seam for line finding: the classical segmenter and any learned one are interchangeable."""

from __future__ import annotations

from typing import Protocol

from ocr_core.records import CleanPage, Layout


class Segmenter(Protocol):
    """Finds the lines of a page.

    The returned lines are in reading order, with polygons and baselines in pixels of the original page image
    (mapped through `CleanPage.to_original`). A page without writing gives an empty layout, never invented lines.
    `name` and `version` enter the pipeline fingerprint.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def segment(self, page: CleanPage, page_id: str) -> Layout: ...
