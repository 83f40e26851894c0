"""Pages of a PDF: the scan inside a page as it was stored, else a drawing of the page; with its own text."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocr_core.errors import PageError
from ocr_core.records import PageArray, PageImage, PageRef, TextLine
from ocr_core.sources import errors, images, poppler, textlayer
from ocr_core.sources.pdf_scan import full_page_image, matching_turn, share_of_page, turned
from ocr_core.sources.pixels import to_grey_or_rgb
from ocr_core.sources.poppler import POINTS_PER_INCH, PdfImage, PdfPage
from ocr_core.sources.settings import ExistingText, ReadSettings
from ocr_core.sources.textlayer import DrawnLine

log = logging.getLogger(__name__)

CHUNK = 16  # pages that one survey by pdfinfo, pdfimages and pdftotext covers
MIN_DPI = 72.0  # a page that must be drawn coarser to fit the limit is refused
SCAN_SHARE = 0.7  # of the page's area, from which an image makes the page a scan
THUMBNAIL = 200  # longer side of the drawings that scans are compared with, pixels
_WRITTEN = {
    ".jpg": "image/jpeg",
    ".jp2": "image/jp2",
    ".ppm": "image/x-portable-anymap",
    ".pbm": "image/x-portable-anymap",
}  # what pdfimages writes; grey is .ppm by name too
STAMP_WORDS = 10  # a scan with fewer words of text carries a stamp or page number, not its text
STAMP_STRIP = 0.08  # … or one whose words are all in the top or bottom margin


@dataclass(frozen=True, slots=True)
class _Survey:
    """What poppler tells about a chunk of pages before any is decoded, by page number."""

    pages: dict[int, PdfPage]
    images: dict[int, list[PdfImage]]
    text: dict[int, list[DrawnLine]]


def read(refs: Sequence[PageRef], settings: ReadSettings) -> Iterator[PageImage | PageError]:
    """Pages of one PDF in the order asked for, one in memory at a time; a PageError for one that fails.

    Raises:
        MissingDependency: poppler is not installed.
    """
    for start in range(0, len(refs), CHUNK):
        chunk = refs[start : start + CHUNK]
        path = chunk[0].source.path
        try:
            survey = _survey(path, chunk, settings)
        except PageError as error:
            yield from (error for _ in chunk)
            continue
        for ref in chunk:
            try:
                yield _page(ref, survey, settings)
            except PageError as error:
                yield error
            except (MemoryError, OSError) as error:  # also a full temporary folder
                yield errors.of_system(error)


def _survey(path: Path, refs: Sequence[PageRef], settings: ReadSettings) -> _Survey:
    first, last = min(ref.number for ref in refs), max(ref.number for ref in refs)
    pages = poppler.pages(path, first, last, settings.timeout)
    by_page: dict[int, list[PdfImage]] = {}
    for image in poppler.images(path, first, last, settings.timeout):
        by_page.setdefault(image.page, []).append(image)
    text: dict[int, list[DrawnLine]] = {}
    if settings.existing_text is not ExistingText.FORCE:
        args = ("-cropbox", "-bbox-layout", "-f", str(first), "-l", str(last))
        try:
            markup = poppler.run("pdftotext", *args, path=path, timeout=settings.timeout, after=("-",))
            text = dict(enumerate(textlayer.parse(markup.decode("utf-8", "replace")), start=first))
        except PageError as error:  # text is a bonus; the pages can be read all the same
            log.warning("%s: no text layer: %s", path, error.message)
    return _Survey(pages, by_page, text)


def _page(ref: PageRef, survey: _Survey, settings: ReadSettings) -> PageImage:
    page = survey.pages.get(ref.number)
    if page is None or page.width <= 0 or page.height <= 0:
        raise PageError(
            "damaged", f"Page {ref.number} is missing in the PDF or has no size.", remedy=poppler.REPAIR
        )
    drawn = survey.images.get(ref.number, [])
    for image in drawn:
        images.check_size(image.width, image.height, settings.max_pixels)
    scan = full_page_image(page, drawn)
    found = _native(ref, page, scan, settings) if scan else None
    if found is not None and scan is not None:
        pixels, origin = found, "native"
        dpi = (scan.x_ppi + scan.y_ppi) / 2
    else:
        drawing = rendering_dpi(page, settings)
        dpi, pixels, origin = float(drawing), _render(ref, drawing, settings), "rendered"
    height, width = pixels.shape[:2]
    upright = (page.height, page.width) if page.rotation in (90, 270) else (page.width, page.height)
    lines = survey.text.get(ref.number, [])
    text: tuple[TextLine, ...] = ()
    is_scan = any(
        image.x_ppi > 0 < image.y_ppi and share_of_page(page, image) > SCAN_SHARE for image in drawn
    )
    if keeps_text(lines, is_scan, upright, settings.existing_text):
        text = textlayer.to_lines(lines, upright, (width, height))
    return PageImage(ref, pixels, round(dpi, 2), origin, text)


def keeps_text(
    lines: list[DrawnLine], is_scan: bool, upright: tuple[float, float], existing: ExistingText
) -> bool:
    """Whether a page's own text stands for a reading of it.

    The text on a scan is somebody's OCR: `redo` drops it. A stamp or page number on a scan is not its text.
    """
    if existing is ExistingText.FORCE or not textlayer.is_text(lines):
        return False
    if not is_scan:
        return True
    words = [word for line in lines for word in line]
    middle = [w for w in words if STAMP_STRIP < (w.y0 + w.y1) / 2 / upright[1] < 1 - STAMP_STRIP]
    return existing is ExistingText.SKIP and len(words) >= STAMP_WORDS and bool(middle)


def _native(ref: PageRef, page: PdfPage, scan: PdfImage, settings: ReadSettings) -> PageArray | None:
    """The stored scan, turned as the page shows it; None when the page shows something else."""
    try:
        stored = _extract(ref, scan, settings)
        if stored is None:
            return None
        shown = poppler.thumbnail(ref.source.path, ref.number, THUMBNAIL, settings.timeout)
    except PageError as error:
        if error.kind == "truncated":  # poppler would fill up what is missing, and say nothing
            raise PageError(error.kind, f"The scan on page {ref.number} breaks off before its end.",
                            remedy=images.COPY_AGAIN) from error  # fmt: skip
        log.info("%s: the scan cannot be taken out, drawing the page: %s", ref.page_id, error.message)
        return None
    turn = matching_turn(stored, shown, page.rotation)
    if turn is None:
        log.debug("%s: the scan differs from the page, drawing it", ref.page_id)
        return None
    return np.ascontiguousarray(turned(stored, turn))


def _extract(ref: PageRef, scan: PdfImage, settings: ReadSettings) -> PageArray | None:
    number = str(ref.number)
    with tempfile.TemporaryDirectory(prefix="warraq-") as folder:
        poppler.run(
            "pdfimages", "-j", "-jp2", "-f", number, "-l", number,
            path=ref.source.path, timeout=settings.timeout, after=(str(Path(folder, "i")),),
        )  # fmt: skip
        for file in sorted(Path(folder).iterdir()):
            media_type = _WRITTEN.get(file.suffix)
            if media_type is None:
                continue
            if images.size(file, media_type) == (scan.width, scan.height):
                return images.decode(
                    file, media_type, max_pixels=settings.max_pixels, orient=False, colour=settings.colour
                ).pixels
    return None


# -- drawing a page ------------------------------------------------------------------------------------------


def rendering_dpi(page: PdfPage, settings: ReadSettings) -> int:
    """The dpi asked for, or the highest at which the page fits the limits. Raises PageError `too-large`."""
    inches = page.width / POINTS_PER_INCH, page.height / POINTS_PER_INCH
    by_area = math.sqrt(settings.max_pixels / (inches[0] * inches[1]))
    by_side = images.MAX_SIDE / max(inches)
    fitting = min(by_area, by_side) * 0.999  # poppler rounds up to whole pixels
    if fitting < MIN_DPI:
        raise PageError(
            "too-large",
            f"The page measures {inches[0]:.0f} × {inches[1]:.0f} inches, too large even at {MIN_DPI:g} dpi.",
            remedy="Check the page size in the PDF, or print it to a new PDF on a smaller sheet.",
        )
    return min(settings.dpi, math.floor(fitting))


def _render(ref: PageRef, dpi: int, settings: ReadSettings) -> PageArray:
    """The page drawn by poppler, [h, w] or [h, w, 3]. One page a call, so that one bad page fails alone."""
    import pdf2image
    from pdf2image import exceptions

    def draw(strict: bool) -> list[PageArray]:
        drawn = pdf2image.convert_from_path(
            str(ref.source.path.absolute()), dpi=dpi, first_page=ref.number, last_page=ref.number,
            use_cropbox=True, strict=strict, timeout=max(1, math.ceil(settings.timeout)),
            grayscale=not settings.colour,
        )  # fmt: skip
        return [to_grey_or_rgb(image) for image in drawn]

    complaint = ""
    try:
        try:
            drawn = draw(strict=True)
        except exceptions.PDFSyntaxError as error:  # most pages with an error in their syntax are drawn well
            complaint = str(error)
            drawn = draw(strict=False)
    except (exceptions.PDFInfoNotInstalledError, exceptions.PopplerNotInstalledError):
        raise poppler.missing() from None
    except exceptions.PDFPopplerTimeoutError:
        raise poppler.timed_out(settings.timeout) from None
    except exceptions.PDFPageCountError as error:
        raise poppler.refused(str(error)) from None
    except OSError as error:  # the drawing breaks off: poppler crashed
        raise PageError("damaged", f"Poppler could not draw page {ref.number}: {error}.",
                        remedy=poppler.REPAIR) from error  # fmt: skip
    if not drawn:
        raise PageError("damaged", f"Poppler drew nothing for page {ref.number}.", remedy=poppler.REPAIR)
    if complaint:
        if int(drawn[0].min()) == int(drawn[0].max()):
            raise poppler.refused(complaint)
        log.info("%s: drawn in spite of: %s", ref.page_id, complaint.strip()[:200])
    return drawn[0]
