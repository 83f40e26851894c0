"""Shards: pages of a library that readers elsewhere take over, named by their ids. No picture leaves the library's disks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_core.config import ArabicEngine, RunSettings, Settings
from ocr_core.errors import LibraryError, PageError
from ocr_core.library import Library, StoredDocument
from ocr_core.pipeline.account import Account
from ocr_core.pipeline.collection import collection_settings
from ocr_core.pipeline.engines import ARABIC_MODEL, LATER
from ocr_core.pipeline.plan import Plan, Settled
from ocr_core.pipeline.prepare import failure
from ocr_core.records import Document, Failure, PageRef, SourceFile, Stage, Status, page_number
from ocr_core.records import doc_id as document_of
from ocr_core.sources import Limits, file_at, open_again

_WAITING = """
SELECT p.page_id, p.run_id FROM pages p JOIN runs USING (run_id)
WHERE (p.status = 'pending' AND contains(p.reason, $later)) {or_weaker}
ORDER BY p.doc_id, p.page_number
"""
_SETTINGS = "SELECT run_id, settings FROM runs WHERE run_id IN (SELECT unnest($ids))"
_READ_BY = "OR (p.status = 'done' AND p.page_id IN (SELECT page_id FROM lines WHERE engine = $weaker))"
_ANSWERED = """
SELECT page_id, status FROM pages WHERE run_id = $run AND page_id IN (SELECT unnest($ids))
UNION ALL
SELECT page_id, 'failed' FROM failures WHERE run_id = $run AND page_id IN (SELECT unnest($ids))
"""


class Shard(Settings):
    """What a reader elsewhere is told: which pages to read, and how.

    Its `settings` name the library and its collection, by a path that is the same on every machine.
    """

    settings: RunSettings
    run_id: str = Field(min_length=1, description="the run under which results are published")
    pages: tuple[str, ...] = Field(min_length=1, description="page ids")
    singly: bool = Field(False, description="read and publish page by page, to find one that ends its reader")


class DispatchSettings(Settings):
    """Which pages go to which workers.

    What a worker gets at once costs it nothing when it fails, since results are published batch by batch; a large shard
    keeps the GPU busy for longer between two looks for work.
    """

    library: Path
    pools: tuple[str, ...] = Field((), description="work pools; empty: all that have readers")
    arabic: Literal[ArabicEngine.AUTO, ArabicEngine.VLM, ArabicEngine.CRNN] | None = Field(
        None, description="what reads Arabic; auto: the worker decides; None: as the collection says, or auto"
    )
    upgrade: bool = Field(False, description="also pages that a weaker engine read")
    shard_pages: int = Field(500, ge=1, le=2000, description="pages of a shard at most")
    ahead: int = Field(1, ge=0, le=100, description="shards that wait in a pool for each of its workers")


def waiting(
    library: Library, arabic: ArabicEngine | None = None, *, upgrade: bool = False
) -> list[tuple[RunSettings, list[str]]]:
    """Pages whose Arabic was left for later: their ids, with settings for whoever reads them.

    These are the settings of the run that left the pages, except for what its machine decided.

    Args:
        arabic: what is to read Arabic; `auto` leaves it to the machine that reads; None: as the library says of each
            collection, or `auto`.
        upgrade: also pages with lines that the weaker Arabic engine read.
    """
    query = _WAITING.format(or_weaker=_READ_BY if upgrade else "")
    parameters = {"later": LATER.reason} | ({"weaker": ARABIC_MODEL} if upgrade else {})
    rows = library.reading(lambda con: con.execute(query, parameters).fetchall())
    runs = {"ids": sorted({run_id for _, run_id in rows})}
    texts = library.reading(lambda con: con.execute(_SETTINGS, runs).fetchall())
    changed = {"library": library.root, "upgrade": upgrade, "device": "auto", "workers": 0}
    groups: dict[RunSettings, list[str]] = {}
    sources: dict[RunSettings, set[Path]] = {}
    settings_of: dict[str, RunSettings] = {}
    for run_id, text in texts:
        settings = RunSettings.model_validate_json(text)
        engine = arabic or _worker_of(library, settings.collection)
        # Runs over other folders, every night one, are read alike.
        alike = settings.model_copy(update=changed | {"arabic": engine, "sources": (), "pages": ""})
        settings_of[run_id] = alike
        sources.setdefault(alike, set()).update(settings.sources)
    for page_id, run_id in rows:
        groups.setdefault(settings_of[run_id], []).append(page_id)
    return [
        (settings.model_copy(update={"sources": tuple(sorted(sources[settings]))}), pages)
        for settings, pages in groups.items()
    ]


def _worker_of(library: Library, collection: str) -> ArabicEngine:
    told = collection_settings(library, collection).arabic
    return ArabicEngine.AUTO if told in (None, ArabicEngine.DEFER) else told


def answered(library: Library, run_id: str, pages: Sequence[str]) -> dict[str, Status]:
    """Those of the pages that have a result or a failure of this run."""
    parameters = {"ids": list(pages), "run": run_id}
    rows = library.reading(lambda con: con.execute(_ANSWERED, parameters).fetchall())
    return {page_id: Status(status) for page_id, status in rows}


def account_for(library: Library, run_id: str, pages: Sequence[str], started: datetime) -> Account:
    """What became of pages that were handed out under a run."""
    here = answered(library, run_id, pages)
    elsewhere = library.page_states(pages=[page for page in pages if page not in here])
    account = Account(
        run_id, len(pages), Counter(state.status for state in elsewhere.values()), started=started
    )
    account.counts.update(here.values())
    query = "SELECT coalesce(CAST(sum(lines) AS BIGINT), 0) FROM pages WHERE run_id = $run"
    [(account.lines,)] = library.reading(lambda con: con.execute(query, {"run": run_id}).fetchall())
    account.failures += [
        failed for failed in library.open_failures() if here.get(failed.page_id) is Status.FAILED
    ]
    return account


def plan_shard(library: Library, shard: Shard, settled: Settled) -> Plan:
    """The pages of a shard that still need reading. Those whose file is gone or has changed are among the failures.

    Args:
        settled: results that need no reading.
    """
    states = library.page_states(pages=shard.pages)
    already: Counter[Status] = Counter()
    numbers: dict[str, list[int]] = {}
    for page_id in sorted(shard.pages):
        state = states.get(page_id)
        if state is not None and state in settled:
            already[state.status] += 1
        else:
            numbers.setdefault(document_of(page_id), []).append(page_number(page_id))
    stored = {document.doc_id: document for document in library.documents(ids=tuple(numbers))}
    todo: list[tuple[Document, tuple[int, ...]]] = []
    failures: list[Failure] = []
    for doc_id, wanted in numbers.items():
        document = _opened(stored[doc_id], Limits(max_pixels=shard.settings.reading.max_pixels))
        if isinstance(document, PageError):
            failures += [failure(_record(stored[doc_id]).page(n), Stage.DISCOVER, document) for n in wanted]
        else:
            todo.append((document, tuple(wanted)))
    return Plan(tuple(todo), (), tuple(failures), already)


def _opened(stored: StoredDocument, limits: Limits) -> Document | PageError:
    """The document at the first of its places that still has its content."""
    try:
        return open_again(stored.doc_id, ((stored.root, stored.source_path), *stored.copies), limits)
    except LibraryError:
        return PageError(
            "source-gone",
            "The file is no longer there as it was, or this machine does not see it.",
            remedy="Workers need the sources under the same path. If the file has changed, run it again: warraq run.",
        )


def _record(stored: StoredDocument) -> Document:
    source = SourceFile(file_at(stored.root, stored.source_path), Path(stored.root), stored.source_path)
    return Document(stored.doc_id, source, stored.media_type, stored.pages, stored.size_bytes)


@dataclass(frozen=True, slots=True)
class Load:
    """Pages that are handed out together, and how often that ended badly.

    Attributes:
        singly: read and published one by one, so that whichever page ends its reader is found.
        alone: how often the only page of this load ended its reader.
    """

    pages: tuple[str, ...]
    singly: bool = False
    alone: int = 0

    def after_a_crash(self, left: Sequence[str]) -> list[Load]:
        """What to hand out again when the reader died, hung or was killed, and `left` of these pages have no answer.

        Pages that were not to blame are soon read: first all again but one by one; then the page at which that
        ended by itself. Empty when a page is to blame for certain, or when nothing is left.
        """
        if not left:
            return []
        if len(self.pages) == 1:
            return [] if self.alone else [Load(self.pages, singly=True, alone=1)]
        if not self.singly:
            return [Load(tuple(left), singly=True)]
        first, *rest = left
        return [Load((first,), singly=True)] + ([Load(tuple(rest), singly=True)] if rest else [])


def blamed(page: PageRef, message: str) -> Failure:
    """The failure of a page that ended its reader twice, alone with it."""
    error = PageError(
        "reader-died",
        f"The reader ended or hung twice while it had this page alone: {message}",
        remedy="Look at the file and at the worker's messages; `warraq retry` tries the page again.",
    )
    return failure(page, Stage.RECOGNIZE, error)


def page_refs(library: Library, pages: Sequence[str]) -> list[PageRef]:
    """Pages as records, by their ids."""
    stored = {d.doc_id: _record(d) for d in library.documents(ids=[document_of(page) for page in pages])}
    return [stored[document_of(page)].page(page_number(page)) for page in pages]
