"""From a file to a Document: what it really is, its hash, its number of pages. Nothing is decoded here."""

from __future__ import annotations

import hashlib
import logging
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ocr_core.errors import PageError
from ocr_core.records import Document, Failure, SourceFile, Stage
from ocr_core.sources import images, poppler, sniff
from ocr_core.sources.discover import unreadable
from ocr_core.sources.settings import MAX_PIXELS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too large to be meant seriously.

    Attributes:
        max_pixels: of one page image.
        max_pages: of one document.
        timeout: seconds for one call of poppler.
    """

    max_pixels: int = MAX_PIXELS
    max_pages: int = 20_000
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class _Identity:
    sha256: str
    media_type: str
    pages: int
    size: int


def identify(file: SourceFile, limits: Limits = Limits()) -> Document | Failure:
    """Opens and counts one file. All that can be wrong with it comes back as a Failure.

    Raises:
        MissingDependency: the file is a PDF and poppler is not installed.
    """
    try:
        state = file.path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise PageError("unreadable", "This is not a regular file.", remedy="Name an image or a PDF.")
        found = _identity(file.path, state.st_size, state.st_mtime_ns, limits)
    except PageError as error:
        return Failure(file.source_path, Stage.DISCOVER, error.kind, error.message, error.remedy)
    except OSError as error:
        return unreadable(file.source_path, error)
    file = replace(file, modified_ns=state.st_mtime_ns)
    return Document(found.sha256, file, found.media_type, found.pages, found.size)


def identify_all(
    files: Iterable[SourceFile], limits: Limits = Limits()
) -> tuple[tuple[Document, ...], tuple[Failure, ...]]:
    """Identifies the files in order; those with equal bytes become one Document with `copies`."""
    documents: dict[str, Document] = {}
    failures: list[Failure] = []
    for file in files:
        result = identify(file, limits)
        if isinstance(result, Failure):
            failures.append(result)
        elif first := documents.get(result.doc_id):
            documents[result.doc_id] = replace(first, copies=(*first.copies, file))
        else:
            documents[result.doc_id] = result
    return tuple(documents.values()), tuple(failures)


@lru_cache(maxsize=65_536)
def _identity(path: Path, size: int, mtime_ns: int, limits: Limits) -> _Identity:
    """Keyed by size and time of change too, so that a second survey of the same files costs a stat each.

    Failures raise and are therefore never cached.
    """
    if size == 0:
        raise PageError("empty", "The file is empty.", remedy=images.COPY_AGAIN)
    with path.open("rb") as stream:
        head = stream.read(sniff.HEAD)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    suffix = path.suffix.lower()
    media_type = sniff.media_type(head, suffix)
    if media_type is None:
        raise _mislabelled(suffix, head)
    if media_type == sniff.PDF:
        _require_pdf_end(path, size)
        pages = poppler.page_count(path, limits.timeout)
    else:
        pages = len(images.frames(path, media_type))
        if pages == 1:  # of several pages, one that is too large fails alone when it is read
            images.check_size(*images.size(path, media_type), limits.max_pixels)
    if pages < 1:
        raise poppler.without_pages()
    if pages > limits.max_pages:
        raise PageError(
            "too-large",
            f"The file claims {pages} pages; the limit is {limits.max_pages}.",
            remedy="Split it, or raise the limit if it is right.",
        )
    return _Identity(digest, media_type, pages, size)


def _mislabelled(suffix: str, head: bytes) -> PageError:
    content = sniff.looks_like(head)
    if suffix in sniff.FOREIGN:
        return PageError("unsupported", f"The file is not of a kind that is read ({content}).",
                         remedy=f"{sniff.FOREIGN[suffix]}.")  # fmt: skip
    if suffix in sniff.EXTENSIONS:
        return PageError(
            "mislabelled",
            f"The name says {sniff.EXTENSIONS[suffix]}, but the content is {content}.",
            remedy="Find the real image, or rename the file to what it is so that it is left out.",
        )
    return PageError(
        "unsupported",
        f"The content is no image and no PDF but {content}.",
        remedy="Name a JPEG, PNG, TIFF, WebP, JPEG 2000, BMP or GIF image, or a PDF.",
    )


def _require_pdf_end(path: Path, size: int) -> None:
    """A PDF without an end marker has lost pages that poppler, rebuilding its index, would not miss."""
    with path.open("rb") as stream:
        stream.seek(max(0, size - 65_536))
        tail = stream.read()
    if b"%%EOF" not in tail and b"startxref" not in tail:
        raise PageError("truncated", "The PDF breaks off before its end, so pages may be missing.",
                        remedy=f"Copy it again from where it came from. {poppler.REPAIR}")  # fmt: skip
