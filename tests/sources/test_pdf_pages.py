"""Scans taken out of PDF pages as they were stored, pages drawn, and what becomes of their text."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr_core.errors import MissingDependency
from ocr_core.records import Document, Failure, PageImage
from ocr_core.sources import ExistingText, ReadSettings, pdf, poppler, read_pages

MakePdf = Callable[..., Document]
COVER = b"q 612 0 0 792 0 0 cm /Im Do Q "
HIDDEN = b"BT 3 Tr /F1 20 Tf 72 600 Td (one two three four five) Tj 0 -60 Td (six seven eight nine ten) Tj ET"
A_SCAN = (850, 1100)  # 100 dpi on a letter page


def scan(mode: str = "L", size: tuple[int, int] = A_SCAN) -> Image.Image:
    """Something like writing, with no symmetry."""
    image = Image.new(mode, size, 235 if mode == "L" else (240, 235, 220))
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(3)
    for row in range(8):
        y = size[1] * (row + 2) // 12
        for _ in range(30 - 3 * row):
            x = int(rng.integers(size[0] // 10, size[0] * 8 // 10))
            draw.line((x, y, x + 20, y + 25), fill=40 if mode == "L" else (40, 40, 90), width=5)
    draw.rectangle(
        (size[0] // 10, size[1] // 20, size[0] // 3, size[1] // 10), fill=0 if mode == "L" else (90, 0, 0)
    )
    return image


def pages_of(document: Document, **settings: Any) -> list[PageImage | Failure]:
    refs = [document.page(number) for number in range(1, document.pages + 1)]
    return list(read_pages(refs, settings=ReadSettings(**{"colour": True, **settings})))


def only(document: Document, **settings: Any) -> PageImage:
    (page,) = pages_of(document, **settings)
    assert isinstance(page, PageImage), page
    return page


def embedded(page: Any) -> np.ndarray:
    import io

    return np.asarray(Image.open(io.BytesIO(page.jpeg_bytes())))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_scan_is_taken_out_pixel_for_pixel(make_pdf: MakePdf, make_page: Any, mode: str) -> None:
    page = make_page(COVER, jpeg=scan(mode))
    result = only(make_pdf(page))
    assert (result.origin, result.dpi) == ("native", 100)
    assert np.array_equal(result.pixels, embedded(page))


@pytest.mark.parametrize(("rotate", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_a_turned_page_turns_its_scan(make_pdf: MakePdf, make_page: Any, rotate: int, turns: int) -> None:
    page = make_page(COVER, jpeg=scan(), extra=b"/Rotate %d" % rotate)
    result = only(make_pdf(page))
    assert result.origin == "native"
    assert np.array_equal(result.pixels, np.rot90(embedded(page), turns))


def test_a_scan_placed_on_its_side_is_turned(make_pdf: MakePdf, make_page: Any) -> None:
    page = make_page(
        b"q 0 792 -612 0 612 0 cm /Im Do Q", jpeg=scan(size=(1100, 850))
    )  # a quarter anticlockwise
    result = only(make_pdf(page))
    assert result.origin == "native" and np.array_equal(result.pixels, np.rot90(embedded(page)))


def test_the_exif_orientation_inside_a_pdf_is_ignored(make_pdf: MakePdf, make_page: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = make_page(COVER, jpeg=scan(), exif=exif.tobytes())
    assert np.array_equal(only(make_pdf(page)).pixels, embedded(page))


def test_bilevel_scans_of_pillow(tmp_path: Path, make_page: Any, as_source: Any) -> None:
    from ocr_core.sources import identify

    bilevel = scan().convert("1")
    path = tmp_path / "a.pdf"
    bilevel.save(path, resolution=100)
    document = identify(as_source(path))
    assert isinstance(document, Document)
    result = only(document)
    assert result.origin == "native" and np.array_equal(result.pixels, np.asarray(bilevel.convert("L")))


@pytest.mark.parametrize(
    "change",
    [
        {"content": COVER + b"0 0 0 rg 100 100 150 40 re f"},  # something drawn over the scan
        {"content": COVER + b"BT /F1 20 Tf 300 90 Td (Exhibit 17) Tj ET"},
        {"content": b"q 400 0 0 500 100 100 cm /Im Do Q"},  # a picture on the page
        {"content": b"q 300 0 0 792 0 0 cm /Im Do Q q 300 0 0 792 312 0 cm /Im Do Q"},  # two pages on one
        {"content": COVER, "jpeg_extra": b"/Decode[1 0]"},  # a negative
        {"content": COVER, "extra": b"/CropBox[0 0 306 792]"},  # half of it shown
    ],
)
def test_a_page_that_shows_more_or_less_than_its_scan_is_drawn(
    make_pdf: MakePdf, make_page: Any, change: dict[str, bytes]
) -> None:
    result = only(make_pdf(make_page(**change, jpeg=scan())), dpi=100)
    assert (result.origin, result.dpi) == ("rendered", 100)
    assert result.pixels.shape == ((1100, 425) if "extra" in change else (1100, 850))


def test_a_negative_is_drawn_as_shown(make_pdf: MakePdf, make_page: Any) -> None:
    page = make_page(COVER, jpeg=scan(), jpeg_extra=b"/Decode[1 0]")
    result = only(make_pdf(page), dpi=100)
    assert abs(float(result.pixels.mean()) - (255 - float(embedded(page).mean()))) < 3


def test_a_truncated_scan_inside_a_pdf_is_a_failure(
    make_pdf: MakePdf, make_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = make_page(COVER, jpeg=scan())
    whole = page.jpeg_bytes()
    monkeypatch.setattr(make_page, "jpeg_bytes", lambda self: whole[: len(whole) // 2])
    (result,) = pages_of(make_pdf(page))
    assert isinstance(result, Failure) and (result.kind, result.page_number) == ("truncated", 1)


def test_an_empty_scan_is_still_a_scan(make_pdf: MakePdf, make_page: Any) -> None:
    result = only(make_pdf(make_page(COVER, jpeg=Image.new("L", A_SCAN, 240))))
    assert result.origin == "native" and int(result.pixels.min()) > 230


def test_drawing_gives_grey_or_colour_at_the_dpi_asked_for(make_pdf: MakePdf, make_page: Any) -> None:
    grey = only(make_pdf(make_page(b"0 0 306 396 re f")), dpi=150)
    assert grey.pixels.shape == (1650, 1275) and (grey.origin, grey.dpi) == ("rendered", 150)
    assert grey.pixels[1649, 0] == 0 and grey.pixels[0, 0] == 255 and grey.pixels[0, 1274] == 255
    red = only(make_pdf(make_page(b"1 0 0 rg 0 0 306 396 re f")), dpi=72)
    assert red.pixels.shape == (792, 612, 3) and red.pixels[791, 0].tolist() == [255, 0, 0]


def test_a_huge_page_is_drawn_coarser_and_an_absurd_one_refused(make_pdf: MakePdf, make_page: Any) -> None:
    document = make_pdf(make_page(box=(2880, 2880)), make_page(box=(14400, 14400)))  # 40 and 200 inches
    drawn, refused = pages_of(document, max_pixels=36_000_000)
    assert isinstance(drawn, PageImage) and drawn.dpi is not None and 140 < drawn.dpi < 150
    assert drawn.pixels.size <= 36_000_000
    assert isinstance(refused, Failure) and (refused.kind, refused.page_number) == ("too-large", 2)


def test_a_missing_page_fails_alone(tmp_path: Path, raw_pdf: Any, make_page: Any, as_source: Any) -> None:
    from ocr_core.sources import identify

    content = raw_pdf([make_page(box=(72, 72))] * 2)
    assert b"/Kids[5 0 R 7 0 R]" in content
    path = tmp_path / "a.pdf"
    path.write_bytes(content.replace(b"/Kids[5 0 R 7 0 R]", b"/Kids[5 0 R 99 0 R]"))
    document = identify(as_source(path))
    assert isinstance(document, Document) and document.pages == 2
    one, two = pages_of(document)
    assert isinstance(one, PageImage)
    assert isinstance(two, Failure) and (two.kind, two.page_number, two.doc_id) == (
        "damaged",
        2,
        document.doc_id,
    )


def test_pages_come_in_the_order_asked_for_across_chunks(make_pdf: MakePdf, make_page: Any) -> None:
    document = make_pdf(*(make_page(box=(72 + number, 72)) for number in range(pdf.CHUNK + 2)))
    results = pages_of(document, dpi=72)
    assert [r.pixels.shape[1] - 72 for r in results if isinstance(r, PageImage)] == list(range(pdf.CHUNK + 2))


def test_reading_is_lazy(make_pdf: MakePdf, make_page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    page = pdf._page

    def counted(ref: Any, *args: Any) -> PageImage:
        drawn.append(ref.number)
        return page(ref, *args)

    monkeypatch.setattr(pdf, "_page", counted)
    document = make_pdf(make_page(box=(72, 72)), make_page(box=(72, 72)))
    results = read_pages([document.page(1), document.page(2)])
    next(results)
    assert drawn == [1]


def test_pages_of_two_documents_are_refused(make_pdf: MakePdf, make_page: Any) -> None:
    one, other = make_pdf(make_page()), make_pdf(make_page(), make_page(), name="b.pdf")
    with pytest.raises(ValueError, match="one document"):
        list(read_pages([one.page(1), other.page(1)]))


def test_a_hanging_poppler_is_a_failure(
    make_pdf: MakePdf, make_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_pdf(make_page(), make_page())

    def hang(command: list[str], *, timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    results = pages_of(document, timeout=7)
    assert [r.kind for r in results if isinstance(r, Failure)] == ["timeout", "timeout"]
    assert isinstance(results[0], Failure) and "7 seconds" in results[0].message


def test_a_pdf_that_vanished_and_a_full_disk(
    make_pdf: MakePdf, make_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_pdf(make_page(COVER, jpeg=scan()))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pdf.tempfile, "TemporaryDirectory", full)
        (result,) = pages_of(document)
    assert isinstance(result, Failure) and "No space left" in result.message
    document.source.path.unlink()
    (result,) = pages_of(document)
    assert isinstance(result, Failure) and result.kind == "unreadable"


def test_a_hanging_program_is_really_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pdfinfo"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Exception, match="did not finish within"):
        poppler.page_count(tmp_path / "a.pdf", timeout=0.2)


def test_without_poppler_the_message_says_how_to_install_it(
    make_pdf: MakePdf, make_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_pdf(make_page())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingDependency, match="poppler") as caught:
        pages_of(document)
    assert "poppler-utils" in caught.value.remedy and caught.value.exit_code == 3


# -- text ----------------------------------------------------------------------------------------------------


def test_text_has_its_place_in_pixels_of_the_page(make_pdf: MakePdf, make_page: Any) -> None:
    content = b"BT /F1 24 Tf 144 648 Td (Kew Gardens) Tj ET 144 648 140 17 re f"
    result = only(make_pdf(make_page(content)), dpi=144)
    (line,) = result.text_layer
    assert line.text == "Kew Gardens" and [w.text for w in line.words] == ["Kew", "Gardens"]
    kew, gardens = (word.box for word in line.words)
    # 144 points from the left and 792 − 648 from the top, at two pixels a point
    assert abs(kew.x0 - 288) <= 1 and kew.x1 < gardens.x0
    assert kew.y0 < 288 - 2 * 17 and 288 <= kew.y1 <= 288 + 2 * 24 * 0.3
    assert (line.box.x0, line.box.x1) == (kew.x0, gardens.x1)
    dark = np.argwhere(result.pixels < 128)
    assert abs(int(dark[:, 1].min()) - kew.x0) <= 2 and abs(int(dark[:, 0].min()) - kew.y0) <= 4


@pytest.mark.parametrize(
    "extra", [b"/Rotate 90", b"/Rotate 180", b"/Rotate 270", b"/CropBox[50 60 560 700]/Rotate 90"]
)
def test_text_boxes_follow_the_turned_and_cropped_page(
    make_pdf: MakePdf, make_page: Any, extra: bytes
) -> None:
    content = b"BT /F1 24 Tf 144 648 Td (Kew) Tj ET"
    result = only(make_pdf(make_page(content, extra=extra)), dpi=144)
    (line,) = result.text_layer
    rows, columns = np.nonzero(result.pixels < 128)
    box = line.box
    assert box.x0 - 2 <= columns.min() and columns.max() <= box.x1 + 2
    assert box.y0 - 2 <= rows.min() and rows.max() <= box.y1 + 2
    assert box.width * box.height < 4 * (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.parametrize(
    ("existing", "born_digital", "scanned"),
    [(ExistingText.SKIP, True, True), (ExistingText.REDO, True, False), (ExistingText.FORCE, False, False)],
)
def test_existing_text(
    make_pdf: MakePdf, make_page: Any, existing: ExistingText, born_digital: bool, scanned: bool
) -> None:
    text = b"BT /F1 20 Tf 72 600 Td (one two three four five) Tj ET"
    document = make_pdf(make_page(text), make_page(COVER + HIDDEN, jpeg=scan()))
    written, photographed = pages_of(document, existing_text=existing, dpi=72)
    assert isinstance(written, PageImage) and isinstance(photographed, PageImage)
    assert (bool(written.text_layer), bool(photographed.text_layer)) == (born_digital, scanned)
    assert photographed.origin == "native"


def test_a_stamp_on_a_scan_is_not_its_text(make_pdf: MakePdf, make_page: Any) -> None:
    few = b"BT 3 Tr /F1 9 Tf 72 400 Td (Exhibit 17) Tj ET"
    words = b"Digitized by the Internet Archive in 2010 with funding from a friend"
    notice = b"BT 3 Tr /F1 9 Tf 72 20 Td (%s) Tj ET" % words
    document = make_pdf(make_page(COVER + few, jpeg=scan()), make_page(COVER + notice, jpeg=scan()))
    assert [r.text_layer for r in pages_of(document) if isinstance(r, PageImage)] == [(), ()]
