"""What a run has to do: what was found, less what the library already holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ocr_core.config import RunSettings
from ocr_core.errors import NothingToDo
from ocr_core.library import Library, PageState
from ocr_core.records import Document, Failure, PageRef, Status
from ocr_core.sources import Limits, discover, identify_all


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in the sources.

    Attributes:
        documents: one for each distinct file content.
        failures: files and folders that could not be opened; each counts as one page.
        left_out: files that are no pages, with the reason: sidecars, hidden files, links that lead outside.
    """

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """Which results of a library a run leaves as they are.

    Attributes:
        fingerprints: those that the run can give.
        kept: those of other engines, whose text is kept.
        kept_engines: names of engines whose text is kept whatever its fingerprint.
    """

    fingerprints: frozenset[str]
    kept: frozenset[str] = frozenset()
    kept_engines: frozenset[str] = frozenset()

    def __contains__(self, state: PageState) -> bool:
        if state.status is Status.FAILED:
            return False
        if state.fingerprint in self.fingerprints:
            return True
        return state.status is Status.DONE and (
            state.fingerprint in self.kept or state.engine in self.kept_engines
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The pages of a survey that a run has to process.

    Attributes:
        documents: documents with at least one page to do, each with the numbers of those pages.
        to_record: documents, or places of documents, that the library does not know yet.
        failures: the survey's failures.
        already: pages that are up to date in the library, by status.
        elsewhere: how many of these another collection holds, by its name.
    """

    documents: tuple[tuple[Document, tuple[int, ...]], ...]
    to_record: tuple[Document, ...]
    failures: tuple[Failure, ...]
    already: Mapping[Status, int]
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @property
    def pages_to_do(self) -> int:
        return sum(len(numbers) for _, numbers in self.documents)

    @property
    def discovered(self) -> int:
        return self.pages_to_do + len(self.failures) + sum(self.already.values())

    @property
    def empty(self) -> bool:
        """Nothing to read and nothing new to record."""
        return not (self.pages_to_do or self.to_record or self.failures)

    def pages(self) -> Iterator[PageRef]:
        for document, numbers in self.documents:
            for number in numbers:
                yield document.page(number)


def survey(settings: RunSettings) -> Survey:
    """Walk the sources and open every file once.

    Raises:
        NothingToDo: there is no file that could be a page.
    """
    found = discover(settings.sources)
    documents, failures = identify_all(found.files, Limits(max_pixels=settings.reading.max_pixels))
    if not documents and not found.failures and not failures:
        raise NothingToDo(
            f"No page was found in {', '.join(map(str, settings.sources))}.",
            remedy="Name folders or files with JPEG, PNG, TIFF, WebP, JPEG 2000 images or PDFs.",
        )
    return Survey(documents, (*found.failures, *failures), found.left_out)


def make_plan(found: Survey, settings: RunSettings, library: Library | None, settled: Settled) -> Plan:
    """Choose the pages to process.

    Args:
        library: what is there already; None when the library is still to be made.
        settled: the results that need no reading.

    Raises:
        NothingToDo: there are documents, but none has a page that the settings ask for.
    """
    # A page is its content: one that another collection holds is not read a second time.
    states = library.page_states() if library else {}
    wanted = settings.page_range
    already: Counter[Status] = Counter()
    elsewhere: Counter[str] = Counter()
    todo: list[tuple[Document, tuple[int, ...]]] = []
    for document in found.documents:
        numbers = []
        for number in range(1, document.pages + 1):
            if number not in wanted:
                continue
            state = states.get(document.page(number).page_id)
            if state is not None and state in settled:
                already[state.status] += 1
                if state.collection != settings.collection:
                    elsewhere[state.collection] += 1
            else:
                numbers.append(number)
        if numbers:
            todo.append((document, tuple(numbers)))
    plan = Plan(tuple(todo), _to_record(found, library), found.failures, already, elsewhere)
    if not plan.discovered:
        raise NothingToDo(
            f"No document has a page among {settings.pages}.", remedy="Pages count from 1; see --pages."
        )
    return plan


def _to_record(found: Survey, library: Library | None) -> tuple[Document, ...]:
    """Documents with a place the library does not know, or that could not be opened when it last looked."""
    if library is None:
        return found.documents
    known: set[tuple[str, str, str]] = set()
    for stored in library.documents():
        known.add((stored.doc_id, stored.root, stored.source_path))
        known.update((stored.doc_id, root, path) for root, path in stored.copies)
    broken = {failure.source_path for failure in library.open_failures() if not failure.page_id}
    return tuple(
        document
        for document in found.documents
        for places in [(document.source, *document.copies)]
        if any(
            (document.doc_id, str(place.root), place.source_path) not in known or place.source_path in broken
            for place in places
        )
    )
