"""What to say beside the hits of a query."""

from __future__ import annotations

from collections.abc import Sequence

from ocr_core.library import Library
from ocr_core.search.hits import Hit
from ocr_core.search.query.filters import Filter, Named
from ocr_core.search.query.language import parse
from ocr_core.search.query.mistyped import FILTERS_ARE


def notes(library: Library, query: str, hits: Sequence[Hit], *, collection: str | None = None) -> list[str]:
    """Sentences for whoever asked `query` of all or one collection, and got these hits.

    They tell that hits are only close; and where nothing was found as it is written, what may be why: words that look like
    filters, names of collections that the library does not have.

    Raises:
        UsageError, LibraryError: as the search.
    """
    if any(hit.edits == 0 for hit in hits):
        return []
    asked = parse(query)
    told = []
    if hits and "~" not in query:
        told.append("Nothing was found as it is written; these lines are close.")
    if asked.unknown:
        names = " or ".join(f'"{name}"' for name in asked.unknown)
        told.append(f"There is no filter {names}: looked for as words. {FILTERS_ARE}")
    if not hits:
        there = library.collections()
        wanted = [Named("collection", collection)] if collection is not None else []
        unknown = [_spelt(part) for part in (*wanted, *asked.filters) if not _matches_any(part, there)]
        if unknown:
            here = f"There are: {', '.join(there)}." if there else "The library is empty."
            told.append(f"No collection is named {', '.join(dict.fromkeys(unknown))}. {here}")
    return told


def _matches_any(part: Filter, names: Sequence[str]) -> bool:
    """Whether a filter is on something else than collections, or a collection has the name it asks for."""
    if not isinstance(part, Named) or part.field != "collection" or part.excluded:
        return True
    return any(name.startswith(part.name) if part.prefix else name == part.name for name in names)


def _spelt(part: Filter) -> str:
    assert isinstance(part, Named)
    return part.name + "*" * part.prefix
