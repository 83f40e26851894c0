"""Which files make up the library, version by version.

`_log/00000001.json`, `_log/00000002.json` … each list the files that version adds and removes; every
`SNAPSHOT_EVERY`th one lists all live files as well, so that reading stays quick after many commits. A version
is written whole to `_log/.tmp`, synced, and linked to its name: two writers who want the same number cannot
both have it, the loser takes the next. A file that no live version lists does not exist for readers, whatever
lies on the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ocr_core.errors import LibraryError
from ocr_core.library import durable, names

SNAPSHOT_EVERY: Final = 64


class Conflict(Exception):
    """A file that was to be removed is no longer live: someone else compacted it. Plan anew."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A published Parquet file. `path` is POSIX, relative to the library:
    `lines/collection=…/run=…/part-….parquet`.
    """

    path: str
    rows: int
    bytes: int

    @property
    def dataset(self) -> str:
        return self.path.partition("/")[0]  # asked of every file whenever a version is opened

    @property
    def collection(self) -> str:
        return names.decode(self.path.split("/", 2)[1].removeprefix("collection="))

    @property
    def run_id(self) -> str:
        return self.path.split("/", 3)[2].removeprefix("run=")


@dataclass(frozen=True, slots=True)
class State:
    """The live files of one version, by path, in order of publication."""

    version: int = 0
    files: dict[str, DataFile] = field(default_factory=dict)

    def of(self, dataset: str) -> list[DataFile]:
        return [f for f in self.files.values() if f.dataset == dataset]


def grouped(
    files: Iterable[DataFile], size: Callable[[DataFile], int], most: int
) -> Iterator[list[DataFile]]:
    """Runs of files whose sizes together are at most `most`, or that are one file."""
    group: list[DataFile] = []
    total = 0
    for file in files:
        if group and total + size(file) > most:
            yield group
            group, total = [], 0
        group.append(file)
        total += size(file)
    if group:
        yield group


class ManifestLog:
    """Reads and extends `_log`. Cheap to ask again: only versions new since the last look are read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / ".tmp"
        self._seen = State()
        self._reached = 0  # a version known to exist

    def prepare(self) -> None:
        durable.make_folders(self._temporary)

    def latest(self) -> int:
        """Number of the newest version; 0 before the first commit."""
        version = self._reached or self._highest_on_disk()
        while self._file(version + 1).exists():
            version += 1
        self._reached = version
        return version

    def published_at(self) -> datetime:
        """When the newest version was published; later versions always say later, whatever the clocks say."""
        return self._published_at(self.latest())

    def state(self, version: int | None = None) -> State:
        """The live files of `version`, or of the newest.

        Raises:
            LibraryError: that version does not exist, or the log is damaged.
        """
        wanted = self.latest() if version is None else version
        if wanted == self._seen.version:
            return self._seen
        steps: list[dict[str, Any]] = []
        base = State()
        for number in range(wanted, 0, -1):
            if number == self._seen.version:
                base = self._seen
                break
            record = self._read(number)
            if "files" in record:
                base = State(number, {f.path: f for f in _parse(record["files"])})
                break
            steps.append(record)
        files = dict(base.files)
        for record in reversed(steps):
            for path in record["removed"]:
                files.pop(path, None)
            files.update((f.path, f) for f in _parse(record["added"]))
        state = State(wanted, files)
        if version is None:
            self._seen = state
        return state

    def commit(
        self,
        operation: str,
        added: Sequence[DataFile],
        removed: Iterable[str] = (),
        *,
        at: datetime | None = None,
    ) -> int:
        """Publish a version and return its number.

        Args:
            at: the version is dated this or later; by default now.

        Raises:
            Conflict: a path of `removed` is not live any more.
        """
        gone = list(removed)
        version = self.latest() + 1
        while True:
            moment = max(at or datetime.now(UTC), self._published_at(version - 1) + timedelta(microseconds=1))
            record: dict[str, Any] = {
                "version": version,
                "created_at": moment.isoformat(),
                "operation": operation,
                "added": [asdict(f) for f in added],
                "removed": gone,
            }
            if gone or version % SNAPSHOT_EVERY == 0:
                before = self.state(version - 1)
                if any(path not in before.files for path in gone):
                    raise Conflict
                record["files"] = [asdict(f) for p, f in before.files.items() if p not in set(gone)] + record[
                    "added"
                ]
            content = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
            try:
                durable.create_exclusively(self._file(version), content, temporary=self._temporary)
                return version
            except FileExistsError:
                version += 1

    def _published_at(self, version: int) -> datetime:
        if version == 0:
            return datetime.fromtimestamp(0, UTC)
        return datetime.fromisoformat(self._read(version)["created_at"])

    def _file(self, version: int) -> Path:
        return self._folder / f"{version:08d}.json"

    def _highest_on_disk(self) -> int:
        try:
            stems = [p.stem for p in self._folder.iterdir() if p.suffix == ".json"]
        except OSError as error:
            raise LibraryError(
                f"The library's log cannot be read: {error}", remedy="Check its permissions, or restore _log."
            ) from error
        return max((int(stem) for stem in stems if stem.isdigit()), default=0)

    def _read(self, version: int) -> dict[str, Any]:
        path = self._file(version)
        try:
            record: dict[str, Any] = json.loads(path.read_bytes())
            record["added"], record["removed"]
            return record
        except FileNotFoundError as error:
            raise LibraryError(
                f"Version {version} of the library is missing: {path}", remedy="Restore _log from a backup."
            ) from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise LibraryError(
                f"The library's log is damaged: {path}: {error}", remedy="Restore _log from a backup."
            ) from error


def _parse(files: list[dict[str, Any]]) -> list[DataFile]:
    return [DataFile(**f) for f in files]
