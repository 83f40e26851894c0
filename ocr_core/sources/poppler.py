"""The poppler programs, called without a shell and with a time limit.

Poppler does not understand `--`: paths are made absolute instead, so that none can look like an option.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocr_core.errors import MissingDependency, PageError
from ocr_core.records import GreyImage

log = logging.getLogger(__name__)

POINTS_PER_INCH = 72.0
INSTALL = "Install it with `apt-get install poppler-utils` (macOS: `brew install poppler`)."
REPAIR = (
    "Open it in a PDF viewer; if that works, save or print it to a new PDF, or repair it with `qpdf IN OUT`."
)


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page as `pdfinfo` sees it: size of the crop box in points, to be turned clockwise by `rotation`."""

    number: int
    width: float
    height: float
    rotation: int


@dataclass(frozen=True, slots=True)
class PdfImage:
    """One row of `pdfimages -list`. `kind` is image, mask, smask or stencil; pixels per inch as drawn."""

    page: int
    kind: str
    width: int
    height: int
    x_ppi: float
    y_ppi: float


def run(tool: str, *args: str, path: Path, timeout: float, after: tuple[str, ...] = ()) -> bytes:
    """Runs a poppler program on `path` and returns its standard output.

    Raises:
        MissingDependency: the program is not installed.
        PageError: it timed out or refused the file.
    """
    command = [tool, *args, str(path.absolute()), *after]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise missing(tool) from None
    except subprocess.TimeoutExpired:
        raise timed_out(timeout) from None
    if done.returncode != 0:
        raise refused(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def missing(tool: str = "pdftoppm") -> MissingDependency:
    return MissingDependency(f"The program {tool} of poppler is not installed; PDFs need it.", remedy=INSTALL)


def timed_out(seconds: float) -> PageError:
    return PageError(
        "timeout",
        f"Poppler did not finish within {seconds:g} seconds.",
        remedy="Raise the time limit, or simplify the file by printing it to a new PDF.",
    )


def refused(stderr: str) -> PageError:
    """The `PageError` for what poppler said on standard error."""
    if "Incorrect password" in stderr:
        return PageError(
            "encrypted",
            "The PDF is encrypted and needs a password to be opened.",
            remedy="Save a copy without a password (`qpdf --password=… --decrypt IN OUT`) and run again.",
        )
    if "Unsupported security handler" in stderr or "Unsupported version/revision" in stderr:
        return PageError(
            "encrypted",
            "The PDF is encrypted in a way poppler does not know.",
            remedy="Save a copy without protection in the program that made it and run again.",
        )
    if "Invalid page count 0" in stderr or "can not be after the last page (0)" in stderr:
        return without_pages()
    if "Couldn't open file" in stderr:
        return PageError("unreadable", "The file cannot be opened.",
                         remedy="Check that it is still there and may be read, then run again.")  # fmt: skip
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = next((line for line in lines if "Error" in line), lines[0] if lines else "no reason given")
    return PageError("damaged", f"Poppler cannot read the PDF: {said[:200].rstrip('.')}.", remedy=REPAIR)


def without_pages() -> PageError:
    return PageError(
        "no-pages", "The PDF has no pages.", remedy="Export it again from the program that made it."
    )


def page_count(path: Path, timeout: float) -> int:
    """Number of pages of the PDF. Raises PageError (`encrypted`, `damaged`, `timeout`)."""
    match = re.search(rb"^Pages:\s+(\d+)", run("pdfinfo", path=path, timeout=timeout), re.MULTILINE)
    if not match:
        raise PageError("damaged", "Poppler finds no page tree in the PDF.", remedy=REPAIR)
    return int(match[1])


def pages(path: Path, first: int, last: int, timeout: float) -> dict[int, PdfPage]:
    """Size and rotation of the pages `first`…`last` by number; a page poppler cannot find is left out."""
    out = run("pdfinfo", "-f", str(first), "-l", str(last), path=path, timeout=timeout).decode(
        "utf-8", "replace"
    )
    turns = {
        int(n): int(r) % 360 for n, r in re.findall(r"^Page\s+(\d+)\s+rot:\s+(-?\d+)", out, re.MULTILINE)
    }
    sizes = re.findall(r"^Page\s+(\d+)\s+size:\s+([\d.e+-]+) x ([\d.e+-]+)", out, re.MULTILINE)
    return {int(n): PdfPage(int(n), float(w), float(h), turns.get(int(n), 0)) for n, w, h in sizes}


def images(path: Path, first: int, last: int, timeout: float) -> list[PdfImage]:
    """The images drawn on the pages `first`…`last`, in order of drawing."""
    out = run("pdfimages", "-list", "-f", str(first), "-l", str(last), path=path, timeout=timeout)
    found = []
    for row in out.decode("ascii", "replace").splitlines()[2:]:
        cells = row.split()
        # page num type width height color comp bpc enc interp object ID x-ppi y-ppi size ratio;
        # an inline image has the one word "[inline]" for the object and its number
        try:
            at = 11 if cells[10] == "[inline]" else 12
            width, height, x_ppi, y_ppi = int(cells[3]), int(cells[4]), float(cells[at]), float(cells[at + 1])
            found.append(PdfImage(int(cells[0]), cells[2], width, height, x_ppi, y_ppi))
        except (IndexError, ValueError):
            log.debug("%s: row of pdfimages not understood: %s", path, row)
    return found


def thumbnail(path: Path, number: int, longest: int, timeout: float) -> GreyImage:
    """A small grey drawing of a page, [h, w] uint8, its longer side `longest` pixels."""
    page = ("-f", str(number), "-l", str(number), "-singlefile")
    args = ("-gray", "-cropbox", "-scale-to", str(longest), *page)
    out = run("pdftoppm", *args, path=path, timeout=timeout)
    header = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", out)
    if not header:
        raise PageError("damaged", f"Poppler drew nothing for page {number}.", remedy=REPAIR)
    width, height = int(header[1]), int(header[2])
    return np.frombuffer(out, np.uint8, width * height, header.end()).reshape(height, width)
