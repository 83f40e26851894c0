"""PDFs written by hand, byte by byte, so that each test knows what is on the page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from ocr_core.records import Document, SourceFile
from ocr_core.sources import identify


@dataclass
class Page:
    """One page: content stream, page attributes, and the JPEG drawn by `/Im Do`."""

    content: bytes = b""
    box: tuple[float, float] = (612, 792)
    extra: bytes = b""
    jpeg: Image.Image | None = None
    jpeg_extra: bytes = b""
    exif: bytes = b""

    def jpeg_bytes(self) -> bytes:
        assert self.jpeg is not None
        stream = io.BytesIO()
        self.jpeg.save(stream, "JPEG", quality=90, exif=self.exif)
        return stream.getvalue()


def pdf_bytes(pages: Sequence[Page], trailer: bytes = b"") -> bytes:
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in pages:
        resources = b"<</Font<</F1 3 0 R>>"
        if page.jpeg is not None:
            data = page.jpeg_bytes()
            space = b"/DeviceGray" if page.jpeg.mode == "L" else b"/DeviceRGB"
            objects.append(
                b"<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace%s"
                b"/Filter/DCTDecode/Length %d%s>>stream\n"
                % (*page.jpeg.size, space, len(data), page.jpeg_extra)
                + data
                + b"\nendstream"
            )
            resources += b"/XObject<</Im %d 0 R>>" % len(objects)
        objects.append(b"<</Length %d>>stream\n" % len(page.content) + page.content + b"\nendstream")
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %g %g]%s/Contents %d 0 R/Resources%s>>>>"
            % (*page.box, page.extra, len(objects), resources)
        )
        kids.append(len(objects))
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<</Type/Pages/Kids[" + listed + b"]/Count %d>>" % len(kids)
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    out += b"trailer <</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return out


def source(path: Path) -> SourceFile:
    return SourceFile(path, path.parent, path.name)


@pytest.fixture
def make_page() -> type[Page]:
    return Page


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Document]:
    """Writes a PDF of the given pages and identifies it."""

    def write(*pages: Page, name: str = "a.pdf") -> Document:
        path = tmp_path / name
        path.write_bytes(pdf_bytes(pages))
        document = identify(source(path))
        assert isinstance(document, Document), document
        return document

    return write


@pytest.fixture
def raw_pdf() -> Callable[..., bytes]:
    return pdf_bytes


@pytest.fixture
def as_source() -> Callable[[Path], SourceFile]:
    return source
