"""Transcriptions that come as PAGE and ALTO files: exported by Warraq and corrected elsewhere, or made of the same scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from ocr_core.audit.transcription.import_sheets import Imported, refusal
from ocr_core.audit.transcription.samples import newest_sample
from ocr_core.audit.transcription.transcriptions import Transcription, add_transcriptions, one_line
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.ground_truth import TruthLine, TruthPage, find_pages
from ocr_core.library import Library

_SAME_LINE: Final = 0.5  # intersection over union of boxes of the same line

# Pages by the names of their files without suffixes, as `PurePath.stem` has them.
_CALLED: Final = r"""
SELECT page_id, source_path FROM pages
WHERE regexp_replace(regexp_extract(source_path, '[^/]*$'), '(.)\.[^.]+$', '\1', 's') IN (SELECT unnest($stems))
"""


def import_pages(
    library: Library, places: Sequence[Path], transcriber: str, *, audit_id: str = ""
) -> Imported:
    """Take in PAGE and ALTO files. A line is known by its id, if Warraq exported the file; else by its page (named as the
    scan) and outline.

    Raises:
        UsageError: a file cannot be read, or has a page that is not in the library or is there twice.
        NothingToDo: no line has a text, or none is in the library.
    """
    pages = find_pages(places)
    known = _Known(library, newest_sample(library, audit_id) if audit_id else "", pages)
    transcriptions: dict[str, tuple[str, Transcription]] = {}
    problems: list[str] = []
    unknown = 0
    for page in pages:
        origin = "alto" if _is_alto(page.path) else "page"
        try:
            lines = known.lines_of(page)
        except UsageError as error:
            problems.append(f"{page.path.name}: {error.message} {error.remedy}")
            continue
        for line, known_line in lines:
            if known_line is None:
                unknown += bool(line.text.strip())
                continue
            try:
                text = one_line(line.text)
            except UsageError as error:
                problems.append(f"{page.path.name} line {line.name}: {error.message} {error.remedy}")
                continue
            if text:
                line_id = known_line["line_id"]
                told = Transcription(line_id, text, transcriber, audit_id=known_line["audit_id"])
                transcriptions[line_id] = (origin, told)
    if problems:
        raise refusal(places[0], problems)
    if not transcriptions:
        raise NothingToDo(
            "No line with a text is one of the library's.",
            remedy="Transcribe files that warraq export --format page has written, or name them as the scans are named.",
        )
    version = 0
    for origin in ("page", "alto"):
        own = [t for o, t in transcriptions.values() if o == origin]
        version = add_transcriptions(library, own, origin=origin) if own else version
    return Imported(len(transcriptions), version, unknown=unknown)


class _Known:
    """The lines of the library that some files may mean: those of today, and those drawn for an audit."""

    def __init__(self, library: Library, audit: str, pages: Sequence[TruthPage]) -> None:
        stems = sorted({stem for page in pages for stem in _stems(page)})
        paths = library.reading(lambda con: con.execute(_CALLED, {"stems": stems}).fetchall())
        self._by_name: dict[str, set[str]] = defaultdict(set)
        for page_id, path in paths:
            self._by_name[PurePosixPath(path).stem].add(page_id)
        columns = "line_id, page_id, x0, y0, x1, y1"
        query = f"""
            WITH asked AS (
              SELECT '' AS audit_id, {columns} FROM lines
              UNION ALL BY NAME SELECT audit_id, {columns} FROM samples WHERE audit_id = $audit)
            FROM asked WHERE line_id IN (SELECT unnest($ids)) OR page_id IN (SELECT unnest($pages)) ORDER BY audit_id
        """
        parameters = {
            "audit": audit,
            "ids": [_own_id(line) for page in pages for line in page.lines],
            "pages": [page_id for page in pages for page_id in self._pages_called(page)],
        }
        table = library.reading(lambda con: con.sql(query, params=parameters).to_arrow_table())
        self._by_id: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._by_page: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in table.to_pylist():
            self._by_id[row["line_id"]].append(row)
            self._by_page[row["page_id"]].append(row)

    def lines_of(self, page: TruthPage) -> list[tuple[TruthLine, Mapping[str, Any] | None]]:
        """The lines of a file, each with the line of the library that it is.

        Raises:
            UsageError: nobody knows which page it is.
        """
        named = [self._by_id.get(_own_id(line), []) for line in page.lines]
        if all(named):
            return [(line, _closest(line, rows)) for line, rows in zip(page.lines, named, strict=True)]
        ids = self._pages_called(page)
        if len(ids) != 1:
            what = "several pages of the library are" if ids else "no page of the library is"
            raise UsageError(
                f"{what} called {page.path.stem}.",
                remedy="Name the file as its scan, or keep the line ids of warraq export --format page.",
            )
        candidates = self._by_page[next(iter(ids))]
        return [
            (line, _closest(line, rows or candidates)) for line, rows in zip(page.lines, named, strict=True)
        ]

    def _pages_called(self, page: TruthPage) -> set[str]:
        return next((self._by_name[stem] for stem in _stems(page) if stem in self._by_name), set())


def _stems(page: TruthPage) -> list[str]:
    """What the scan of a page may be called, without suffix; the likeliest first."""
    return [*([page.image.stem] if page.image else []), page.path.stem]


def _own_id(line: TruthLine) -> str:
    """The id of the line, if Warraq wrote the file."""
    return line.name.removeprefix("l")


def _closest(line: TruthLine, candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    if not len(line.outline) or not candidates:
        return None
    x0, y0 = line.outline.min(axis=0)
    x1, y1 = line.outline.max(axis=0)
    boxes = np.array([[row["x0"], row["y0"], row["x1"], row["y1"]] for row in candidates], dtype=np.float64)
    width = np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
    height = np.minimum(boxes[:, 3], y1) - np.maximum(boxes[:, 1], y0)
    both = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    overlap = both / np.maximum(areas + (x1 - x0) * (y1 - y0) - both, 1e-9)
    best = len(overlap) - 1 - int(np.argmax(overlap[::-1]))  # of equal ones the last: drawn lines
    return candidates[best] if overlap[best] >= _SAME_LINE else None


def _is_alto(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<alto" in file.read(4096).lower()
