"""The library: a folder of Parquet data sets with a manifest. The face of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from ocr_core.errors import LibraryError, UsageError
from ocr_core.library import compact as compaction
from ocr_core.library import durable, marker, names, queries
from ocr_core.library.lookup import StoredPage, stored_page
from ocr_core.library.manifest import ManifestLog
from ocr_core.library.publish import Publisher, run_folders
from ocr_core.library.queries import PageState, StoredDocument
from ocr_core.library.tables import Publication, RunRecord, to_table
from ocr_core.library.views import UNREADABLE, Snapshot, reading
from ocr_core.records import Document, Failure, PageResult

_T = TypeVar("_T")


class Library:
    """A library on disk. Many processes may publish into it and read it at once."""

    def __init__(self, root: Path, settings: Mapping[str, Any]) -> None:
        self.root = root
        self.settings = dict(settings)
        self._log = ManifestLog(root / "_log")
        self._publisher = Publisher(root, self._log)

    # -- opening ---------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path | str, settings: marker.Settings | None = None) -> Library:
        """Make a new library in an empty or missing folder.

        Raises:
            LibraryError: the folder holds other things, is a library already, cannot be written, or its path is no text.
        """
        root = Path(path).absolute()
        marker.check_place(root)
        with durable.disk_errors(root, "create the library"):
            durable.make_folders(root)
            ManifestLog(root / "_log").prepare()
            marker.write(root, settings or {}, temporary=root / "_log" / ".tmp")
        return cls.open(root)

    @staticmethod
    def check_place(path: Path | str, collection: str) -> None:
        """Check that there is a library, or that one could be made, and that a run could publish; nothing is written.

        Raises:
            LibraryError: see `marker.check_place`; or a folder that a run writes to cannot be written.
        """
        root = Path(path).absolute()
        marker.check_place(root)
        with durable.disk_errors(root, "publish"):
            for folder in (root, root / "_log", root / "_log" / ".tmp", *run_folders(root, collection)):
                durable.check_writable(folder)

    @classmethod
    def open(cls, path: Path | str) -> Library:
        """Open an existing library; nothing is written.

        Raises:
            LibraryError: not a library, made by a newer Warraq, or unreadable.
        """
        root = Path(path).absolute()
        return cls(root, marker.read(root))

    @classmethod
    def create_or_open(cls, path: Path | str, settings: marker.Settings | None = None) -> Library:
        """Open the library at `path`, making it first where there is none. Safe when two processes do so at
        once.
        """
        if not (Path(path) / marker.MARKER).exists():
            try:
                return cls.create(path, settings)
            except LibraryError:
                if not (Path(path) / marker.MARKER).exists():
                    raise
        return cls.open(path)

    # -- writing ---------------------------------------------------------------------------------------

    def publish(
        self,
        run_id: str,
        collection: str,
        *,
        documents: Sequence[Document] = (),
        results: Sequence[PageResult] = (),
        failures: Sequence[Failure] = (),
        run: RunRecord | None = None,
    ) -> int:
        """Publish a batch as one version: readers see all of it or nothing. Returns the version.

        Publishing a page again, in the same run or another, replaces it in the views; a task that is tried
        again after a crash therefore loses and doubles nothing.

        Raises:
            UsageError: the name of the collection or run cannot be used.
            LibraryError: the disk is full, read-only or broken; nothing was published.
        """
        publication = Publication(names.run(run_id), names.collection(collection), self._publisher.stamp())
        if run and (run.run_id, names.collection(run.collection)) != (
            publication.run_id,
            publication.collection,
        ):
            raise UsageError(f"The record of run {run.run_id} was published as run {run_id}.")
        tables = {
            name: to_table(name, rows)
            for name, rows in publication.rows(documents, results, failures, run).items()
            if rows
        }
        return self.publish_tables(
            publication.run_id, publication.collection, tables, at=publication.created_at
        )

    def publish_tables(
        self, run_id: str, collection: str, tables: Mapping[str, pa.Table], *, at: datetime | None = None
    ) -> int:
        """Publish tables that already have the schemas of their data sets. As `publish` otherwise.

        Args:
            at: the `created_at` of the rows, where it is one.
        """
        return self._publisher.publish(
            run_id, [(name, collection, table) for name, table in tables.items()], at=at
        )

    def append(self, run_id: str, dataset: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Publish rows of `ground_truth`, `samples` or `audits` as one version, which is returned.

        Args:
            run_id: of the import, draw or report.
            rows: by the columns of the data set, with their `collection`; `run_id` and `created_at` are set here.

        Raises:
            UsageError, LibraryError: as `publish`.
        """
        stamp = self._publisher.stamp()
        parts: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            name = names.collection(row["collection"])
            tail = {"collection": name, "run_id": names.run(run_id), "created_at": stamp}
            parts.setdefault(name, []).append({**row, **tail})
        return self._publisher.publish(
            run_id, [(dataset, name, to_table(dataset, part)) for name, part in parts.items()], at=stamp
        )

    def compact(
        self, *, min_files: int = 2, grace: timedelta = compaction.GRACE, drop_superseded: bool = True
    ) -> compaction.Report:
        """Merge small files, drop superseded results, delete what no version lists and nobody has touched for
        `grace`.

        Args:
            min_files: merge only where a collection and run have at least so many small files of a data set.
        """
        with durable.disk_errors(self.root, "compact"):
            self._log.prepare()
            return compaction.compact(
                self.root, self._log, min_files=min_files, grace=grace, drop_superseded=drop_superseded
            )

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The newest published version; 0 for an empty library."""
        return self._log.latest()

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The files of a version, by default the newest."""
        return Snapshot(self.root, self._log.state(version))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection with the views of the newest version (see `views`); it does not move on to later
        versions.
        """
        return self._again(lambda: self.snapshot().connect())

    def collections(self) -> list[str]:
        """Names of the collections that hold anything, sorted."""
        return sorted({f.collection for f in self._log.state().files.values()})

    def page_states(
        self, collection: str | None = None, *, pages: Sequence[str] | None = None
    ) -> dict[str, PageState]:
        """See `queries.page_states`."""
        return self.reading(lambda con: queries.page_states(con, collection, pages))

    def open_failures(self, collection: str | None = None) -> list[Failure]:
        """See `queries.open_failures`."""
        return self.reading(lambda con: queries.open_failures(con, collection))

    def documents(
        self, collection: str | None = None, *, ids: Sequence[str] | None = None
    ) -> list[StoredDocument]:
        """See `queries.documents`."""
        return self.reading(lambda con: queries.documents(con, collection, ids))

    def places(self, doc_id: str) -> list[tuple[str, str]]:
        """See `queries.places`."""
        return self._again(lambda: queries.places(self.snapshot(), doc_id))

    def runs(self) -> list[dict[str, Any]]:
        """See `queries.runs`."""
        return self.reading(queries.runs)

    def page(self, name: str) -> StoredPage:
        """The page that people mean by a name: see `lookup.stored_page`.

        Raises:
            UsageError: no page or several pages answer to it, or it failed.
        """
        return self.reading(lambda con: stored_page(con, self.root, name))

    def page_rows(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See `queries.page_rows`."""
        return self.reading(lambda con: queries.page_rows(con, ids))

    def reading(self, read: Callable[[duckdb.DuckDBPyConnection], _T], *, results: bool = True) -> _T:
        """What `read` makes of a connection to the newest version, which is closed afterwards. It may be called
        twice (see `_again`).

        Args:
            results: see `Snapshot.connect`.

        Raises:
            LibraryError: a file is missing or damaged.
        """

        def once() -> _T:
            with closing(self.snapshot().connect(results=results)) as con:
                return read(con)

        return self._again(once)

    @contextmanager
    def keeping_files(self) -> Iterator[None]:
        """Meanwhile no compaction deletes files, for readers that are slower than its grace time. Where the library cannot
        be written, nothing is kept."""
        with ExitStack() as held:
            with suppress(OSError):
                held.enter_context(durable.locked(self.root / "_log" / ".lock", exclusive=False))
            yield

    def _again(self, read: Callable[[], _T]) -> _T:
        """`read`, a second time if compaction took a file away under it, which needs a reader slower than the
        grace time."""
        with reading(self.root):
            try:
                return read()
            except UNREADABLE as error:
                if not _names_missing_file(error):
                    raise
            return read()


def _names_missing_file(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or "No such file" in str(error)
