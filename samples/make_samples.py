"""Make the sample archive: a few real pages and a few synthetic ones, each with its ground truth.

Real pages are copied byte for byte (three of them into an image-only PDF that holds the same JPEG bytes);
synthetic pages are typeset from real, freely licensed text. The same data, fonts and library versions give
the same files.

    python samples/make_samples.py DATA [--out samples] [--fonts /usr/share/fonts]

DATA holds `hooker/`, `print_en/` and `arabic_layouts/rasam/`, the data sets that `samples/README.md` names.
Needs Pillow with raqm (it shapes Arabic), numpy, OpenCV and fpdf2 (only here; Warraq itself does not use it).
"""

from __future__ import annotations

import argparse
import logging
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

log = logging.getLogger("make_samples")

WHEN = datetime(2024, 1, 1, tzinfo=UTC)  # written into files that want a date, so that they do not change
DPI = 200  # of the synthetic pages; the letters state none, and are placed in their PDF as if they had this
WIDTH, HEIGHT = 1400, 2000

FOLDER_LETTERS = ("JDH_2_16_144_001", "JDH_2_16_144_002", "JDH_2_16_145_001")
PDF_LETTER = ("JDH_2_16_146_001", "JDH_2_16_146_004", "JDH_2_16_146_006")
SCANNED_PRINT = "05dracula.pdf_page_51"
TYPESET_PRINT = ("radcliffe_udolpho.pdf_page_27", "radcliffe_udolpho.pdf_page_28")
ARITHMETIC = "BULAC_MS_ARA_609_00011"
HISTORY = "BULAC_MS_ARA_417_0008"
SIEGE = "BULAC_MS_ARA_1944_0009"


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line to be set, in pixels of the unrotated page: `x` is its right edge if `rtl`, else its left edge;
    `y` is its baseline."""

    text: str
    x: int
    y: int
    font: str
    size: int
    rtl: bool


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line as it lies on the finished page: outline and baseline (in reading direction) in page pixels."""

    text: str
    rtl: bool
    polygon: tuple[tuple[int, int], ...]
    baseline: tuple[tuple[int, int], ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with hooker/, print_en/ and arabic_layouts/")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="the samples folder (default: here)"
    )
    parser.add_argument(
        "--fonts", type=Path, default=Path("/usr/share/fonts"), help="where the fonts are installed"
    )
    args = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    if not features.check("raqm"):
        parser.error(
            "this Pillow has no raqm, which shapes Arabic; install libraqm0 or a Pillow wheel that bundles it"
        )
    for sub in ("archive/letters", "archive/print", "archive/arabic", "archive/mixed", "ground_truth"):
        (args.out / sub).mkdir(parents=True, exist_ok=True)
    fonts = Fonts(args.fonts)
    copy_letters(args.data, args.out)
    copy_scanned_print(args.data, args.out)
    make_text_pdf(args.data, args.out, fonts)
    make_arabic_pages(args.data, args.out, fonts)
    make_mixed_page(args.data, args.out, fonts)
    make_blank_page(args.out)


# -- real pages -------------------------------------------------------------------------------------------


def copy_letters(data: Path, out: Path) -> None:
    """Letters 144 and 145 as images, letter 146 as a PDF of the same kind of images; PAGE XML beside them."""
    for name in FOLDER_LETTERS:
        copy(data / "hooker" / f"{name}.jpg", out / "archive/letters" / f"{name}.jpg")
    target = out / "archive/letters/JDH_2_16_146.pdf"
    target.write_bytes(pdf_of_jpegs([data / "hooker" / f"{name}.jpg" for name in PDF_LETTER]))
    log.info("wrote %s", target)
    for name in FOLDER_LETTERS + PDF_LETTER:
        copy(data / "hooker" / f"{name}.xml", out / "ground_truth" / f"{name}.xml")


def copy_scanned_print(data: Path, out: Path) -> None:
    copy(data / "print_en" / f"{SCANNED_PRINT}.png", out / "archive/print/dracula_page_51.png")
    copy(data / "print_en" / f"{SCANNED_PRINT}.xml", out / "ground_truth/dracula_page_51.xml")


def pdf_of_jpegs(paths: Sequence[Path]) -> bytes:
    """An image-only PDF, a page for each JPEG, whose image streams are the files byte for byte (DCTDecode).

    Objects as in ISO 32000-1, 7.5 (file structure) and 8.9.5 (image dictionaries).
    """
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for path in paths:
        jpeg = path.read_bytes()
        with Image.open(path) as image:
            width, height = image.size
            space = {"L": "DeviceGray", "RGB": "DeviceRGB", "CMYK": "DeviceCMYK"}[image.mode]
        points = f"{width * 72 / DPI:.3f} 0 0 {height * 72 / DPI:.3f}"
        draw = f"q {points} 0 0 cm /Im Do Q".encode()
        first = len(objects) + 1
        kids.append(f"{first} 0 R")
        box = f"0 0 {width * 72 / DPI:.3f} {height * 72 / DPI:.3f}"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {first + 1} 0 R "
            f"/Resources << /XObject << /Im {first + 2} 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(draw), draw))
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{space} "
            f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(jpeg)} >>"
        )
        objects.append(head.encode() + b"\nstream\n" + jpeg + b"\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    body, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % at for at in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)


# -- typeset pages ----------------------------------------------------------------------------------------


def make_text_pdf(data: Path, out: Path, fonts: Fonts) -> None:
    """Two pages of a novel as a born-digital PDF with a text layer, and its paragraphs as plain text."""
    from fpdf import FPDF

    target = out / "archive/print/udolpho.pdf"
    pdf = FPDF(format="A5", unit="mm")
    pdf.set_creation_date(WHEN)
    pdf.set_title("The Mysteries of Udolpho, two pages")
    pdf.set_author("Ann Radcliffe")
    pdf.set_margins(18, 18)
    pdf.set_auto_page_break(auto=True, margin=16)
    pdf.add_font("serif", "", fonts.path("NotoSerif-Regular.ttf"))
    pdf.add_font("serif", "I", fonts.path("NotoSerif-Italic.ttf"))
    pdf.add_page()
    pdf.set_font("serif", "I", 13)
    pdf.cell(0, 10, "The Mysteries of Udolpho", align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    pdf.set_font("serif", "", 10)
    paragraphs = udolpho_paragraphs(data)
    for paragraph in paragraphs:
        pdf.multi_cell(0, 5.2, paragraph, align="J", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(1.5)
        if pdf.page == 2 and pdf.get_y() > 120:
            break
    shown = paragraphs[: paragraphs.index(paragraph) + 1]
    pdf.output(str(target))
    text = "\n\n".join(["The Mysteries of Udolpho", *shown]) + "\n"
    (out / "ground_truth/udolpho.txt").write_text(text, encoding="utf-8")
    log.info("wrote %s, %d pages", target, pdf.page)


def udolpho_paragraphs(data: Path) -> list[str]:
    """The scanned book's lines joined to paragraphs: a full stop well before the right margin ends one."""
    paragraphs, words = [], ""
    for name in TYPESET_PRINT:
        for text, right in alto_lines(data / "print_en" / f"{name}.xml"):
            words = f"{words} {text.strip()}".strip()
            if text.rstrip().endswith((".", "!", "?", "”", "'", '"')) and right < 0.8:
                paragraphs.append(words)
                words = ""
    return [*paragraphs, words] if words else paragraphs


def make_arabic_pages(data: Path, out: Path, fonts: Fonts) -> None:
    """One page of a treatise on arithmetic in Amiri, one of a history of Oran in Scheherazade."""
    rasam = data / "arabic_layouts/rasam"
    texts = (
        (ARITHMETIC, "synthetic-arithmetic", "Amiri-Regular.ttf", 44, 88, 0.7),
        (HISTORY, "تاريخ-وهران-synthetic", "Scheherazade-Regular.ttf", 56, 110, -0.5),
    )
    for seed, (source, name, font, size, leading, angle) in enumerate(texts, 41):
        lines = page_lines(rasam / f"{source}.xml")[:18]
        placed = [
            TextLine(text, WIDTH - 130, 220 + leading * i, font, size, rtl=True)
            for i, text in enumerate(lines)
        ]
        write_page(out, f"arabic/{name}", placed, fonts, seed=seed, angle=angle)


def make_mixed_page(data: Path, out: Path, fonts: Fonts) -> None:
    """English and Arabic lines in blocks, one block in a written hand's font, dates alone on a line."""
    english = [text.strip() for text, _ in alto_lines(data / "print_en" / f"{TYPESET_PRINT[1]}.xml")]
    arabic = page_lines(data / "arabic_layouts/rasam" / f"{SIEGE}.xml")
    lines, y = [], 200
    blocks: tuple[tuple[Iterable[str], str, int, bool], ...] = (
        (english[2:6], "NotoSerif-Regular.ttf", 30, False),
        (arabic[0:5], "Amiri-Regular.ttf", 46, True),
        (["1790 – 1794"], "NotoSerif-Regular.ttf", 32, False),
        (english[8:11], "DancingScript-Regular.otf", 35, False),
        (arabic[5:9], "Scheherazade-Regular.ttf", 54, True),
        (english[12:14], "NotoSerif-Italic.ttf", 30, False),
    )
    for texts, font, size, rtl in blocks:
        for text in texts:
            x = WIDTH - 130 if rtl else 130
            lines.append(TextLine(text, x, y, font, size, rtl))
            y += 84 if rtl else 74
        y += 50
    write_page(out, "mixed/synthetic-mixed", lines, fonts, seed=43, angle=0.4)


def make_blank_page(out: Path) -> None:
    write_page(out, "mixed/synthetic-blank", [], None, seed=44, angle=0.0)


def write_page(
    out: Path, name: str, lines: Sequence[TextLine], fonts: Fonts | None, *, seed: int, angle: float
) -> None:
    """Draw a page with ink on paper, turned by `angle` degrees counter-clockwise; write JPEG and PAGE XML."""
    rng = np.random.default_rng(seed)
    ink = Image.new("L", (WIDTH, HEIGHT), 0)
    draw = ImageDraw.Draw(ink)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, 1.0)
    placed = []
    for line in lines:
        assert fonts is not None
        font = fonts.load(line.font, line.size)
        anchor, direction, language = ("rs", "rtl", "ar") if line.rtl else ("ls", "ltr", "en")
        x0, y0, x1, y1 = draw.textbbox(
            (line.x, line.y), line.text, font, anchor=anchor, direction=direction, language=language
        )
        if x0 < 40 or x1 > WIDTH - 40 or y1 > HEIGHT - 40:
            raise ValueError(f"a line of {name} does not fit the page: {line.text}")
        draw.text(
            (line.x, line.y), line.text, 255, font, anchor=anchor, direction=direction, language=language
        )
        base = [(x1, line.y), (x0, line.y)] if line.rtl else [(x0, line.y), (x1, line.y)]
        box = [(x0 - 4, y0 - 4), (x1 + 4, y0 - 4), (x1 + 4, y1 + 4), (x0 - 4, y1 + 4)]
        placed.append(PlacedLine(line.text, line.rtl, turned(box, turn), turned(base, turn)))
    alpha = cv2.warpAffine(np.asarray(ink), turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    pixels = ink_on_paper(alpha, rng)
    target = out / "archive" / f"{name}.jpg"
    Image.fromarray(pixels).save(target, quality=82, dpi=(DPI, DPI), optimize=True)
    log.info("wrote %s", target)
    if lines:
        write_page_xml(out / "ground_truth" / f"{target.stem}.xml", target.name, placed)


def ink_on_paper(alpha: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay ink of uneven strength on yellowed, stained, grainy paper.

    Args:
        alpha: [height, width] uint8, 255 where ink is.

    Returns:
        [height, width, 3] uint8 RGB.
    """
    height, width = alpha.shape

    def clouds(cells: int, amount: float) -> NDArray[np.float32]:
        small = rng.normal(0, amount, (cells + 1, cells)).astype(np.float32)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)

    shade = (
        clouds(4, 6)
        + clouds(12, 3)
        + clouds(90, 1.2)
        + rng.normal(0, 1.2, (height, width)).astype(np.float32)
    )
    edge = np.minimum.outer(
        np.minimum(np.arange(height), np.arange(height)[::-1]),
        np.minimum(np.arange(width), np.arange(width)[::-1]),
    )
    shade -= 22 * np.exp(-edge.astype(np.float32) / 45)
    paper = np.array([232, 222, 200], np.float32) + shade[..., None] * np.array([0.9, 1.0, 1.2], np.float32)
    strength = np.clip(0.86 + clouds(60, 0.05), 0.6, 1)
    cover = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), 0.7) * strength
    colour = np.array([48, 38, 34], np.float32)
    mixed = paper * (1 - cover[..., None]) + colour * cover[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8)


# -- reading and writing ----------------------------------------------------------------------------------


class Fonts:
    """Finds fonts by file name below one folder."""

    def __init__(self, root: Path) -> None:
        self._paths = {path.name: path for path in sorted(root.rglob("*")) if path.suffix in (".ttf", ".otf")}

    def path(self, name: str) -> Path:
        if name not in self._paths:
            raise SystemExit(
                f"the font {name} is not installed; on Debian: "
                "apt install fonts-hosny-amiri fonts-sil-scheherazade fonts-noto-core fonts-dancingscript"
            )
        return self._paths[name]

    def load(self, name: str, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(str(self.path(name)), size, layout_engine=ImageFont.Layout.RAQM)


def alto_lines(path: Path) -> list[tuple[str, float]]:
    """Text of each line of an ALTO 4 file and where it ends, as a share of the page's width."""
    root = ET.parse(path).getroot()
    space = {"a": root.tag.partition("}")[0][1:]}
    page = root.find(".//a:Page", space)
    assert page is not None
    width = float(page.attrib["WIDTH"])
    lines = []
    for line in root.iterfind(".//a:TextLine", space):
        text = " ".join(s.attrib.get("CONTENT", "") for s in line.iterfind("a:String", space))
        if text.strip():
            lines.append((text, (float(line.attrib["HPOS"]) + float(line.attrib["WIDTH"])) / width))
    return lines


def page_lines(path: Path) -> list[str]:
    """Text of the lines of the largest region of a PAGE XML file, in file order."""
    root = ET.parse(path).getroot()
    space = {"p": root.tag.partition("}")[0][1:]}
    best: list[str] = []
    for region in root.iterfind(".//p:TextRegion", space):
        found = [n.text or "" for n in region.iterfind("p:TextLine/p:TextEquiv/p:Unicode", space)]
        best = max(best, [" ".join(t.split()) for t in found if t.strip()], key=len)
    return best


def turned(points: Sequence[tuple[float, float]], turn: NDArray[np.float64]) -> tuple[tuple[int, int], ...]:
    moved = np.asarray(points, dtype=np.float64) @ turn[:, :2].T + turn[:, 2]
    return tuple((int(x), int(y)) for x, y in np.rint(moved))


def write_page_xml(path: Path, image_name: str, lines: Sequence[PlacedLine]) -> None:
    """PAGE XML (schema 2019-07-15) of one region; text in logical order."""

    def points(values: Iterable[tuple[int, int]]) -> str:
        return " ".join(f"{x},{y}" for x, y in values)

    everything = [p for line in lines for p in line.polygon]
    x0, y0 = (min(p[i] for p in everything) for i in (0, 1))
    x1, y1 = (max(p[i] for p in everything) for i in (0, 1))
    stamp = WHEN.strftime("%Y-%m-%dT%H:%M:%S")
    rows = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">',
        f"  <Metadata><Creator>samples/make_samples.py</Creator><Created>{stamp}</Created>"
        f"<LastChange>{stamp}</LastChange></Metadata>",
        f'  <Page imageFilename={quoteattr(image_name)} imageWidth="{WIDTH}" imageHeight="{HEIGHT}">',
        f'    <TextRegion id="r0"><Coords points="{points([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])}"/>',
    ]
    for number, line in enumerate(lines):
        direction = "right-to-left" if line.rtl else "left-to-right"
        rows += [
            f'      <TextLine id="r0l{number}" readingDirection="{direction}" '
            f'custom="readingOrder {{index:{number};}}">',
            f'        <Coords points="{points(line.polygon)}"/><Baseline points="{points(line.baseline)}"/>',
            f"        <TextEquiv><Unicode>{escape(line.text)}</Unicode></TextEquiv>",
            "      </TextLine>",
        ]
    rows += ["    </TextRegion>", "  </Page>", "</PcGts>", ""]
    path.write_text("\n".join(rows), encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o644)
    log.info("copied %s", target)


if __name__ == "__main__":
    main()
