#!/usr/bin/env python3
"""Isolated letters and digits in cells and columns of drawn forms: how many reach the reader of glyphs, and what it brings.

Synthetic: the letters of AHCD in DATA, which the packaged networks were trained on, on real paper below printed headings,
with and without frames. Measured is the choice of the engine, not the engine. For each way of finding lines: glyphs drawn;
those that stand in a segment of their own; those of them that the rule takes for glyphs; those of these that the reader of
glyphs, that of Arabic lines and the one of them that is believed read right; segments of several glyphs or of text that the
rule takes for one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ocr_core.layout.method import LayoutMethod
from ocr_core.pipeline.isolated import is_believed
from ocr_core.pipeline.prepare import PreparedPage, prepare_pages
from ocr_core.recognizers.glyphs.network import DIGITS, LETTERS
from ocr_core.recognizers.register import load_reader
from ocr_core.records import Box, GreyImage, Transcript
from ocr_core.script.isolated import cut_glyph, isolated_glyphs
from ocr_core.sources import ReadSettings, discover, identify_all
from ocr_core.training.script.corpus import papers
from ocr_core.training.synthetic.arabic import ARABIC
from ocr_core.training.synthetic.drawing import Style, draw_text
from ocr_core.training.synthetic.fonts import find_fonts, joins
from ocr_core.training.synthetic.paper import ink_on_paper

HEIGHT, WIDTH = 1900, 1350
HEADINGS = ("استمارة الأجوبة", "الاسم والتاريخ", "اكتب الحرف المناسب في كل خانة")
COLUMNS = (1, 2, 4, 6)


@dataclass(frozen=True)
class Form:
    """A drawn form: its pixels and what each glyph in it is, with the box of its ink."""

    pixels: GreyImage
    glyphs: tuple[tuple[str, Box], ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with ahcd/ and hooker/ (for its paper)")
    parser.add_argument("--forms", type=int, default=16, help="forms to draw (16)")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"), help="where fonts are")
    options = parser.parse_args()

    forms = draw_forms(options)
    for method in (LayoutMethod.CLASSICAL, LayoutMethod.LEARNED):
        with tempfile.TemporaryDirectory() as folder:
            measure(forms, method, Path(folder))


def draw_forms(options: argparse.Namespace) -> list[Form]:
    letters, digits = (np.load(options.data / "ahcd" / f"{name}.npz") for name in ("train", "digits"))
    # The letters are stored with rows and columns exchanged.
    pictures = [
        (LETTERS[label - 1], picture.T)
        for picture, label in zip(letters["images"], letters["labels"], strict=True)
    ]
    numbers = [
        (DIGITS[label], picture) for picture, label in zip(digits["images"], digits["labels"], strict=True)
    ]
    fonts = [font for font in find_fonts(options.fonts, ARABIC.sample) if joins(font)]
    paper = papers(sorted((options.data / "hooker").glob("*.jpg")), 20, np.random.default_rng(options.seed))
    made = []
    for number in range(options.forms):
        rng = np.random.default_rng([options.seed, number])
        glyphs = [
            (numbers if rng.random() < 0.25 else pictures)[rng.integers(len(numbers))] for _ in range(6 * 12)
        ]
        sheet = paper[rng.integers(len(paper))]
        columns = COLUMNS[number % len(COLUMNS)]
        made.append(
            draw_form(glyphs, columns, bool(number // 4 % 2), fonts[rng.integers(len(fonts))], sheet, rng)
        )
    return made


def draw_form(
    glyphs: list[tuple[str, GreyImage]],
    columns: int,
    framed: bool,
    font: Path,
    paper: GreyImage,
    rng: np.random.Generator,
) -> Form:
    """Headings and below them glyphs 60 to 90 pixels high in columns, each in a frame if `framed`."""
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    y = 80
    for heading in HEADINGS:
        line = draw_text(heading, font, rng, Style(50))
        ink[y : y + line.shape[0], WIDTH - 100 - line.shape[1] : WIDTH - 100] = line
        y += line.shape[0] + 30
    rows = int(rng.integers(8, 13))
    across, down = 1100 // columns, (HEIGHT - 150 - y) // rows
    placed = []
    for number in range(rows * columns):
        text, picture = glyphs[number]
        row, column = divmod(number, columns)
        x = 150 + column * across + across // 2 if columns > 1 else WIDTH - 200
        box = put(ink, picture, x, y + row * down + down // 2, float(rng.uniform(2, 3)))
        placed.append((text, box))
        if framed:
            cv2.rectangle(ink, (x - 60, box.y0 - 25), (x + 60, box.y1 + 25), (160,), 2)
    page = cv2.GaussianBlur(ink_on_paper(ink, rng, paper), (0, 0), 0.8)
    return Form(np.asarray(page, np.uint8), tuple(placed))


def put(ink: GreyImage, picture: NDArray[np.uint8], x: int, y: int, scale: float) -> Box:
    """Draw a glyph, white on black, with its middle at (x, y); where its ink is."""
    ys, xs = np.nonzero(picture > 60)
    cut = picture[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    large = np.asarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
    rows, columns = large.shape
    top, left = y - rows // 2, x - columns // 2
    part = ink[top : top + rows, left : left + columns]
    np.maximum(part, large, out=part)
    return Box(left, top, left + columns, top + rows)


def measure(forms: list[Form], method: LayoutMethod, folder: Path) -> None:
    glyph_reader, line_reader = load_reader("glyphs", device="cpu"), load_reader("crnn-ar", device="cpu")
    for number, form in enumerate(forms):
        cv2.imwrite(str(folder / f"{number:03d}.png"), form.pixels)
    documents, _ = identify_all(discover([folder]).files)
    counts: Counter[str] = Counter(glyphs=sum(len(form.glyphs) for form in forms))
    for document, form in zip(documents, forms, strict=True):
        [page] = prepare_pages([document.page(1)], ReadSettings(), method)
        assert isinstance(page, PreparedPage)
        found = isolated_glyphs(page.lines, page.images)
        for line, image, box in zip(page.lines, page.images, found, strict=True):
            held = [text for text, ink in form.glyphs if middle_is_in(ink, line.box)]
            if len(held) == 1:
                counts["own segment"] += 1
            if box is None:
                continue
            if len(held) != 1:
                counts["taken by mistake"] += 1
                continue
            counts["taken"] += 1
            picture = replace(image, pixels=cut_glyph(image.pixels, box))
            [glyph], [line] = glyph_reader.recognize([picture]), line_reader.recognize([image])
            assert isinstance(glyph, Transcript)
            final = glyph if is_believed(glyph, line) else line
            for name, answer in (("glyphs", glyph), ("crnn-ar", line), ("the one believed", final)):
                counts[f"right by {name}"] += isinstance(answer, Transcript) and answer.text == held[0]
            counts["read by glyphs"] += final is glyph
    print(f"{method.value}: {dict(counts)}", flush=True)


def middle_is_in(box: Box, outer: Box) -> bool:
    x, y = (box.x0 + box.x1) // 2, (box.y0 + box.y1) // 2
    return outer.x0 <= x < outer.x1 and outer.y0 <= y < outer.y1


if __name__ == "__main__":
    main()
