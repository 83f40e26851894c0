"""From page references to pixels, one page at a time; a page that fails is a Failure beside its siblings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from ocr_core.errors import PageError
from ocr_core.records import Failure, PageImage, PageRef, SourceFile, Stage
from ocr_core.sources import errors, images, pdf, sniff
from ocr_core.sources.settings import ReadSettings

DEFAULTS = ReadSettings()


def read_pages(
    pages: Sequence[PageRef], *, settings: ReadSettings = DEFAULTS
) -> Iterator[PageImage | Failure]:
    """Decodes pages of ONE document, in the order given; yields exactly one result for each.

    A generator: only the page in hand is in memory.

    Raises:
        ValueError: the pages belong to several documents.
        MissingDependency: a PDF is to be read and poppler is not installed.
    """
    if len({page.doc_id for page in pages}) > 1:
        raise ValueError("read_pages reads pages of one document at a time")
    if not pages:
        return
    read = pdf.read if pages[0].media_type == sniff.PDF else _read_images
    for page, result in zip(pages, read(pages, settings), strict=True):
        result = _changed(page.source) or result
        yield _failure(page, result) if isinstance(result, PageError) else result


def _changed(source: SourceFile) -> PageError | None:
    """An error if the file is not what it was when its bytes became the id of its pages."""
    try:
        same = not source.modified_ns or source.path.stat().st_mtime_ns == source.modified_ns
    except OSError:
        return None  # said better by who read it
    if same:
        return None
    return PageError(
        "changed",
        "The file changed while the run was under way.",
        remedy="Run again once nothing writes to it.",
    )


def _read_images(pages: Sequence[PageRef], settings: ReadSettings) -> Iterator[PageImage | PageError]:
    source, media_type = pages[0].source, pages[0].media_type
    for page in pages:
        try:
            frames = _frames(source.path, media_type, source.modified_ns)
            if page.number > len(frames):
                raise PageError("no-pages", f"The file has no page {page.number} any more.",
                                remedy="It has changed since it was counted: run again.")  # fmt: skip
            raster = images.decode(
                source.path,
                media_type,
                frame=frames[page.number - 1],
                max_pixels=settings.max_pixels,
                colour=settings.colour,
            )
            yield PageImage(page, raster.pixels, raster.dpi, "image")
        except PageError as error:
            yield error
        except (MemoryError, OSError) as error:
            yield errors.of_system(error)


@lru_cache(maxsize=4)
def _frames(path: Path, media_type: str, modified_ns: int) -> tuple[int, ...]:
    """As `images.frames`, once for all pages of a file that one process reads: a TIFF must be walked through for it."""
    return images.frames(path, media_type)


def _failure(page: PageRef, error: PageError) -> Failure:
    return Failure(
        page.source.source_path, Stage.READ, error.kind, error.message, error.remedy,
        page.page_id, page.doc_id, page.number,
    )  # fmt: skip
