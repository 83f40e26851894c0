#!/usr/bin/env python3
"""What each step of enhancement does to the error rate.

Lines of pages with ground truth are cut from the page after a step and read by a packaged reader, greedily. For each
step (columns) and each state of the pages (rows) the character error rate is printed: the pages as scanned, and spoilt by
noise, by blur, by uneven light, and at half their size. The damage is made here, so those figures are of synthetic pages.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ocr_core.ground_truth import TruthLine
from ocr_core.imaging.enhance import enhanced, noise_level, sharpness
from ocr_core.imaging.settings import Enhancement

Page = NDArray[np.uint8]
Step = Callable[[Page], Page]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, help="folders of page images with PAGE or ALTO files"
    )
    parser.add_argument("--only", default="", metavar="REGEX", help="only pages with such names")
    parser.add_argument("--lines", type=int, default=20, metavar="N", help="at most so many lines of a page")
    parser.add_argument("--reader", default="crnn-latin", help="the packaged reader")
    parser.add_argument("--states", nargs="+", default=list(STATES), choices=list(STATES))
    parser.add_argument("--steps", nargs="+", default=list(STEPS), choices=list(STEPS))
    options = parser.parse_args()

    import torch

    from ocr_core.recognizers.register import load_reader
    from ocr_core.training.data.ground_truth import read_pages

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    reader = load_reader(options.reader, device="cpu", decoding="greedy")
    pages = []
    for folder in options.folders:
        for page in read_pages(folder):
            if re.search(options.only, page.name):
                lines = [line for line in page.lines if line.text]
                chosen = lines[:: max(1, len(lines) // options.lines)][: options.lines]
                grey = np.asarray(cv2.imread(str(page.image), cv2.IMREAD_GRAYSCALE), np.uint8)
                pages.append((grey, page.lines, chosen))
    print(f"pages {len(pages)}  lines {sum(len(chosen) for *_, chosen in pages)}  reader {options.reader}")
    print(f"{'':22s}" + "".join(f"{name:>10s}" for name in options.steps))
    for state in options.states:
        spoilt = [(STATES[state](grey), lines, chosen) for grey, lines, chosen in pages]
        noise, sharp = (np.median([f(grey) for grey, *_ in spoilt]) for f in (noise_level, sharpness))
        row = [error_rate(reader, spoilt, pages, STEPS[name]) for name in options.steps]
        title = f"{state} ({noise:.1f}, {sharp:.2f})"
        print(f"{title:22s}" + "".join(f"{100 * rate:10.2f}" for rate in row), flush=True)


def error_rate(reader, spoilt: list, pages: list, step: Step) -> float:
    """Edits by characters of the chosen lines of the pages, each page taken through `step`."""
    from ocr_core.audit.metrics.rates import score_line
    from ocr_core.audit.metrics.text import comparable

    edits = characters = 0
    for (grey, lines, chosen), (whole, *_) in zip(spoilt, pages, strict=True):
        page = step(grey)
        images = cut(page, lines, chosen, page.shape[0] / whole.shape[0])
        for line, found in zip(chosen, reader.recognize(images), strict=True):
            score = score_line("", "", comparable(line.text), comparable(getattr(found, "text", "")), 0.0)
            edits, characters = edits + score.edits, characters + score.characters
    return edits / max(characters, 1)


def cut(page: Page, lines: tuple[TruthLine, ...], chosen: list[TruthLine], scale: float) -> list:
    """The chosen lines of a page that is `scale` times as large as its ground truth, as `LineImage`."""
    from ocr_core.layout.crops import rectify_line
    from ocr_core.layout.extents import page_extents
    from ocr_core.records import LineImage
    from ocr_core.training.data.ground_truth import shape_of

    def scaled(line: TruthLine) -> tuple:
        baseline, polygon = shape_of(line)
        return baseline * scale, None if polygon is None else polygon * scale

    usual = page_extents([scaled(line) for line in lines])
    strips = [rectify_line(page, *scaled(line), usual=usual) for line in chosen]
    return [
        LineImage(f"bench-00001-{number:04d}", strip.faded(), strip.baseline_y, strip.to_page)
        for number, strip in enumerate(strips)
    ]


def noisy(grey: Page) -> Page:
    noise = np.random.default_rng(1).normal(0, 30, grey.shape)
    return np.clip(grey + noise, 0, 255).astype(np.uint8)


def blurred(grey: Page) -> Page:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 3.5), np.uint8)


def uneven(grey: Page) -> Page:
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    light = 0.35 + 0.65 * np.exp(-((x / grey.shape[1] - 0.8) ** 2 + (y / grey.shape[0] - 0.3) ** 2) * 1.5)
    return (grey * light).astype(np.uint8)


def halved(grey: Page) -> Page:
    return np.asarray(cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def enlarged(grey: Page) -> Page:
    return np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


STATES: dict[str, Step] = {
    "as scanned": lambda grey: grey,
    "noise": noisy,
    "blur": blurred,
    "uneven": uneven,
    "half size": halved,
}
STEPS: dict[str, Step] = {
    "none": lambda grey: grey,
    **{step.value: (lambda grey, step=step: enhanced(grey, [step])) for step in Enhancement},
    "enlarge": enlarged,
}


if __name__ == "__main__":
    main()
