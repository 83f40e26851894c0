"""Pages to learn line finding from: cleaned as a run cleans them, once, with their true lines in working pixels.

Files of a cache: ``NUMBER.png`` (grey, at most `LONGEST` pixels) and ``pages.json``.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.ground_truth import find_pages
from ocr_core.imaging.clean import clean_page
from ocr_core.imaging.geometry import apply, invert
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.records import GreyImage
from ocr_core.training.data.cache import document_of, split_of
from ocr_core.training.data.ground_truth import read_picture, shape_of
from ocr_core.training.layout.config import PageTrainSettings
from ocr_core.training.layout.synthetic import SYNTHETIC, synthetic_pages
from ocr_core.training.layout.targets import PageLine, Points

logger = logging.getLogger(__name__)

FORMAT = 1


@dataclass(frozen=True, slots=True)
class LayoutPage:
    """A cleaned page, grey uint8 [height, width], and its true lines. `split` is `train` or `dev`."""

    corpus: str
    name: str
    split: str
    grey: GreyImage
    lines: tuple[PageLine, ...]


def prepare_layout(settings: PageTrainSettings) -> Path:
    """Make the cache of a configuration, or find it made. Returns its folder.

    Raises:
        UsageError: a corpus cannot be read.
    """
    wanted = {
        "format": FORMAT,
        "corpora": [c.model_dump_json(exclude={"share"}) for c in settings.corpora],
        "synthetic": settings.synthetic.model_dump_json(exclude={"share"}),
    }
    name = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:12]
    folder = settings.run.folder.parent / f"pages-{name}"
    if (folder / "pages.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, page in enumerate(_pages(settings)):
        cv2.imwrite(str(folder / f"{number}.png"), page.grey)
        lines = [(line.baseline.round(2).tolist(), line.above, line.below) for line in page.lines]
        rows.append({"corpus": page.corpus, "name": page.name, "split": page.split, "lines": lines})
    part = folder / "pages.part"
    part.write_text(json.dumps(rows), "utf-8")
    part.replace(folder / "pages.json")
    return folder


def load_layout(folder: Path) -> list[LayoutPage]:
    """Every page of a cache."""
    pages = []
    for number, row in enumerate(json.loads((folder / "pages.json").read_text("utf-8"))):
        grey = cv2.imread(str(folder / f"{number}.png"), cv2.IMREAD_GRAYSCALE)
        lines = tuple(PageLine(np.array(b), above, below) for b, above, below in row["lines"])
        pages.append(LayoutPage(row["corpus"], row["name"], row["split"], np.asarray(grey, np.uint8), lines))
    return pages


def _pages(settings: PageTrainSettings) -> Iterator[LayoutPage]:
    for corpus in settings.corpora:
        kept = 0
        for page in find_pages([settings.data / corpus.path]):
            split = split_of(document_of(page.name, corpus), corpus)
            drawn = [line for line in page.lines if len(line.baseline) or len(line.outline)]
            if split == "none" or page.image is None or not drawn:
                continue
            # Pages of ground truth are upright: where their lines are, somebody has read them.
            clean = clean_page(read_picture(page), settings=ImagingSettings(find_orientation=False))
            to_clean = invert(clean.to_original)
            shapes = [[apply(to_clean, points) for points in shape_of(line)] for line in drawn]
            kept += 1
            learnt = tuple(page_line(baseline, polygon) for baseline, polygon in shapes)
            yield LayoutPage(corpus.name, page.name, split, clean.grey, learnt)
        logger.info("corpus %s: %d pages", corpus.name, kept)
    if settings.synthetic.layouts:
        for number, (grey, lines) in enumerate(synthetic_pages(settings)):
            split = "dev" if number % 20 == 0 else "train"
            yield LayoutPage(SYNTHETIC, f"{SYNTHETIC}-{number}", split, grey, tuple(lines))
        logger.info("%d synthetic pages", settings.synthetic.pages)


def page_line(baseline: Points, polygon: Points) -> PageLine:
    """A line as targets have it: from left to right, with its usual reach above and below the baseline.

    Args:
        baseline: [n, 2]; polygon: [m, 2], without points where there is none.
    """
    if baseline[0, 0] > baseline[-1, 0]:
        baseline = baseline[::-1]
    return PageLine(baseline, *reach_of(baseline, polygon))


def reach_of(baseline: Points, polygon: Points) -> tuple[float, float]:
    """How far an outline usually reaches above and below a baseline, in pixels; NaN without an outline.

    The upper quartile over the columns, so that where ascenders are is counted rather than the gaps between them.
    """
    if len(polygon) < 3 or baseline[-1, 0] - baseline[0, 0] < 3:
        return float("nan"), float("nan")
    x0, y0 = np.floor(polygon.min(axis=0)).astype(int)
    x1, y1 = np.ceil(polygon.max(axis=0)).astype(int)
    mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon - (x0, y0)).astype(np.int32)], 1)
    columns = np.arange(max(x0, int(baseline[0, 0])), min(x1, int(baseline[-1, 0])) + 1)
    columns = columns[mask[:, columns - x0].any(axis=0)] if len(columns) else columns
    if not len(columns):
        return float("nan"), float("nan")
    filled = mask[:, columns - x0] > 0
    top = y0 + filled.argmax(axis=0)
    bottom = y0 + filled.shape[0] - 1 - filled[::-1].argmax(axis=0)
    base = np.interp(columns, baseline[:, 0], baseline[:, 1])
    above, below = np.percentile(base - top, 75), np.percentile(bottom - base, 75)
    return max(float(above), 1.0), max(float(below), 1.0)


def by_share(
    pages: Sequence[LayoutPage], share: Mapping[str, float]
) -> tuple[list[LayoutPage], NDArray[np.float64]]:
    """The pages to train on, and how often each is drawn: float64, their sum 1.

    Args:
        share: of each corpus in what is drawn, among its pages evenly.
    """
    train = [page for page in pages if page.split == "train"]
    count = Counter(page.corpus for page in train)
    weights = np.array([share[page.corpus] / count[page.corpus] for page in train])
    return train, weights / weights.sum()
