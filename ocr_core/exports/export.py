"""Exporting: selected pages of a library into files or a stream."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path, PurePosixPath
from typing import Final

from ocr_core.errors import UsageError
from ocr_core.exports import names
from ocr_core.exports.context import Context
from ocr_core.exports.files import whole_file
from ocr_core.exports.formats.register import Format, Unit
from ocr_core.exports.model import ExportPage
from ocr_core.exports.pictures import Pictures
from ocr_core.exports.select import Selected, Selection
from ocr_core.library import Library
from ocr_core.library.durable import check_writable, disk_errors
from ocr_core.records import Status

log = logging.getLogger(__name__)

IMAGE_SUFFIX: Final = ".jpg"
_MOST_KEPT: Final = 100
# Names that fit the library and not this disk: another file is in the way, or the path is too long here.
_ONE_FILE: Final = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EEXIST, errno.EINVAL, errno.EILSEQ}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to: `file`, or files below `folder`, or standard output where neither is given."""

    folder: Path | None = None
    file: Path | None = None

    @classmethod
    def of(cls, output: str, format: Format) -> Destination:
        """What a user named: `-`; a folder that is there or ends with a slash; a file with the format's suffix; for a
        format of one stream any other file, else a folder.
        """
        path = Path(output)
        if output == "-":
            return cls()
        if output.endswith("/") or path.is_dir():
            return cls(folder=path)
        if format.unit is Unit.ALL or path.suffix.lower() == format.suffix:
            return cls(file=path)
        return cls(folder=path)


@dataclass(slots=True)
class Summary:
    """What an export did. `problems` holds the first hundred, (what, why).

    Attributes:
        waiting: pages with lines that no engine has read yet.
        failed: pages and files of the selection that only ever failed, so that there is nothing to export.
    """

    pages: int = 0
    waiting: int = 0
    failed: int = 0
    documents: int = 0
    lines: int = 0
    files: int = 0
    problem_count: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    def problem(self, what: str, why: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _MOST_KEPT:
            self.problems.append((what, why))


@dataclass(frozen=True, slots=True)
class Options:
    """How files are written.

    Attributes:
        images: copy the image of each page into the export, as JPEG; None: where the format needs it.
        base_url: under which the folder will be served (IIIF).
    """

    images: bool | None = None
    base_url: str = "http://localhost:8000"


def export(
    library: Library,
    format: Format,
    destination: Destination,
    selection: Selection | None = None,
    options: Options | None = None,
    *,
    start: Callable[[int], None] = lambda total: None,
    advance: Callable[[int], None] = lambda pages: None,
) -> Summary:
    """Export the selected pages. A page that cannot be exported whole is a problem in the summary; the rest goes on.

    Args:
        start: called with the number of pages before the first.
        advance: called with the number of pages done since the last call.

    Raises:
        UsageError: the selection is empty, or several files would go into one.
        LibraryError: the library cannot be read, or the destination cannot be written.
    """
    with Selected(library, selection or Selection()) as selected:
        job = _Job(format, destination, options or Options(), advance)
        job.check(selected)
        job.summary.failed = selected.failed
        start(selected.pages)
        if destination == Destination():
            job.run(selected)  # what ails a pipe is not the disk's fault
        else:
            folder = (destination.folder or Path(destination.file or ".").parent).absolute()
            with disk_errors(folder, "export"):
                check_writable(folder)
                job.run(selected)
        return job.summary


class _Job:
    def __init__(
        self,
        format: Format,
        destination: Destination,
        options: Options,
        advance: Callable[[int], None],
    ) -> None:
        self._format = format
        self._to = destination
        self._advance = advance
        self._pictures = Pictures()
        self._base_url = options.base_url.rstrip("/")
        self._images = options.images
        wanted = format.needs_images if options.images is None else options.images
        self._copy_images = wanted and destination.folder is not None
        self._copied: tuple[str, PurePosixPath | None] = ("", None)
        self.summary = Summary()

    def check(self, selected: Selected) -> None:
        """Refuse what would put several files into one."""
        if self._images is True and self._to.folder is None:
            raise UsageError(
                "--images needs a folder.", remedy="Give a folder as --output, with a slash at its end."
            )
        files = selected.pages if self._format.unit is Unit.PAGE else selected.documents
        if self._to.folder is None and not self._format.streams and files > 1:
            raise UsageError(
                f"{files} files of format {self._format.name} do not go into one.",
                remedy="Give a folder as --output, or select one with --document and --pages.",
            )

    def run(self, pages: Iterator[ExportPage] | Selected) -> None:
        counted = self._counted(iter(pages))
        if self._to.folder is None:
            self._write_one(counted)
        elif self._format.unit is Unit.ALL:
            self._write(counted, self._to.folder, PurePosixPath("pages" + self._format.suffix))
        elif self._format.unit is Unit.PAGE:
            for page in counted:
                self._write(iter([page]), self._to.folder, names.of_page(page, self._format.suffix), page)
        else:
            for _, group in groupby(counted, key=lambda page: (page.collection, page.doc_id)):
                first = next(group)
                place = names.of_document(first, self._format.suffix)
                self._write(chain([first], group), self._to.folder, place, first)  # noqa: B031  read once

    def _write_one(self, pages: Iterator[ExportPage]) -> None:
        if self._to.file is None:
            self._format.write(pages, sys.stdout.buffer, self._context(Path(), PurePosixPath("-")))
        else:
            self._write(pages, self._to.file.absolute().parent, PurePosixPath(self._to.file.name))

    def _write(
        self,
        pages: Iterator[ExportPage],
        folder: Path,
        place: PurePosixPath,
        first: ExportPage | None = None,
    ) -> None:
        try:
            with whole_file(folder, place) as out:
                self._format.write(pages, out, self._context(folder, place))
            self.summary.files += 1
        except OSError as error:
            if first is None or error.errno not in _ONE_FILE:
                raise
            log.info("%s: %s", first.page_id, error)
            self.summary.problem(str(place), f"It cannot be written here: {error.strerror}.")

    def _context(self, folder: Path, place: PurePosixPath) -> Context:
        return Context(
            folder,
            place,
            self._pictures,
            self._problem,
            self._base_url,
            self._copy if self._copy_images else None,
        )

    def _problem(self, page: ExportPage, why: str) -> None:
        self.summary.problem(f"{page.source_path}#{page.number}", why)

    def _copy(self, page: ExportPage) -> PurePosixPath | None:
        """Put the image of a page beside its export, once; where it is, or None without one."""
        if self._copied[0] != page.page_id:
            self._copied = (page.page_id, self._copy_now(page))
        return self._copied[1]

    def _copy_now(self, page: ExportPage) -> PurePosixPath | None:
        assert self._to.folder is not None
        picture = self._context(self._to.folder, PurePosixPath()).picture(page)
        if picture is None:
            return None
        place = names.of_page(page, IMAGE_SUFFIX)
        with whole_file(self._to.folder, place) as out:
            out.write(picture.data)
        return place

    def _counted(self, pages: Iterator[ExportPage]) -> Iterator[ExportPage]:
        last = ""
        for page in pages:
            self.summary.pages += 1
            self.summary.waiting += page.status == Status.PENDING
            self.summary.lines += len(page.lines)
            self.summary.documents += page.doc_id != last
            last = page.doc_id
            yield page
            self._advance(1)
