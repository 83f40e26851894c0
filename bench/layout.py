#!/usr/bin/env python3
"""Line finding, measured on pages with ground truth.

Each folder holds page images with PAGE or ALTO files of the same name beside them. For each folder and way of finding
lines is printed: pages, lines of the ground truth, lines found, the share of true lines matched (one to one, boxes that
overlap by IoU ≥ 0.15), precision, recall and F1 of lines at IoU ≥ 0.5, the baseline measure of cBAD 2019 (precision,
recall, F1; where the ground truth has outlines only, against baselines guessed from them), and the processor seconds a page
needs for cleaning and for finding lines. Of the lines that agree, medians with the 10th and 90th percentiles tell how the
found outline lies to the true one, in shares of the page's distance between lines (right and down positive): top, bottom,
left and right side, baseline.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ocr_core.audit.metrics.baselines import BaselineRates, baseline_rates, mean_rates
from ocr_core.ground_truth import TruthLine, TruthPage
from ocr_core.imaging.clean import clean_page
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.learned.maps import line_maps
from ocr_core.layout.learned.segmenter import LearnedSegmenter
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.protocol import Segmenter
from ocr_core.models.opencv import load_network
from ocr_core.records import Line
from ocr_core.training.data.ground_truth import read_pages, shape_of

Boxes = NDArray[np.float64]
METHODS = ("classical", "learned")
SIDES = ("left", "top", "right", "bottom", "baseline")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, help="folders of page images with PAGE or ALTO files"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth page")
    parser.add_argument(
        "--from", type=int, default=0, metavar="K", dest="first", help="start with the Kth page (from 0)"
    )
    parser.add_argument("--only", default="", metavar="REGEX", help="only pages with such names")
    parser.add_argument(
        "--layout",
        nargs="+",
        default=["classical", "learned"],
        choices=["classical", "learned"],
        help="ways of finding lines",
    )
    parser.add_argument("--network", type=Path, metavar="ONNX", help="weights other than the packaged ones")
    parser.add_argument("--per-page", action="store_true", help="a line for each page too")
    parser.add_argument("--overlays", type=Path, metavar="DIR", help="save pictures of the lines found here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for folder in options.folders:
        found = [page for page in read_pages(folder) if re.search(options.only, page.name)]
        pages = found[options.first :: options.every]
        for name in options.layout:
            overlays = options.overlays and options.overlays / name
            segmenter = segmenter_of(name, options.network)
            measure(folder.name, pages, segmenter, per_page=options.per_page, overlays=overlays)


def segmenter_of(name: str, network: Path | None) -> Segmenter:
    if name == "learned" and network is not None:
        net = load_network(network.read_bytes(), network.name)
        return LearnedSegmenter(lambda grey: line_maps(net, grey), network.name)
    return segmenter_for(LayoutMethod(name))


def measure(
    name: str,
    pages: list[TruthPage],
    segmenter: Segmenter,
    *,
    per_page: bool = False,
    overlays: Path | None = None,
) -> None:
    baselines: list[BaselineRates] = []
    true = found = matched = hits = 0
    cleaning = finding = 0.0
    differences: list[NDArray[np.float64]] = []
    for page in pages:
        pixels = np.ascontiguousarray(cv2.imread(str(page.image), cv2.IMREAD_COLOR)[:, :, ::-1])
        start = time.process_time()
        clean = clean_page(pixels)
        middle = time.process_time()
        lines = segmenter.segment(clean, page.name).lines
        finding += time.process_time() - middle
        cleaning += middle - start
        pairs, overlap = match(page.lines, lines)
        good = [(i, j) for i, j in pairs if overlap[i, j] >= 0.5]
        differences += compare(page.lines, lines, good)
        baselines.append(
            baseline_rates(
                [shape_of(line)[0] for line in page.lines], [np.array(line.baseline, float) for line in lines]
            )
        )
        true, found = true + len(page.lines), found + len(lines)
        matched, hits = matched + len(pairs), hits + len(good)
        if per_page:
            print(
                f"  {page.name}: {len(pairs)}/{len(page.lines)} matched, {len(lines)} found, {len(good)} well"
            )
        if overlays:
            draw(pixels, page, lines, overlays)
    precision, recall = hits / max(found, 1), hits / max(true, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    cbad = mean_rates(baselines)
    print(
        f"{name}, {segmenter.name}: pages={len(pages)} lines={true} found={found} matched={matched / max(true, 1):.3f} "
        f"P={precision:.3f} R={recall:.3f} F1={f1:.3f} cBAD P={cbad.precision:.3f} R={cbad.recall:.3f} F1={cbad.f1:.3f} "
        f"seconds/page={(cleaning + finding) / max(len(pages), 1):.2f} (cleaning {cleaning / max(len(pages), 1):.2f})"
    )
    if differences:
        table = np.array(differences)
        low, median, high = np.percentile(table, [10, 50, 90], axis=0)
        print(
            "  "
            + "  ".join(
                f"{s} {m:+.2f} [{a:+.2f} {b:+.2f}]"
                for s, a, m, b in zip(SIDES, low, median, high, strict=True)
            )
        )


def match(
    true: tuple[TruthLine, ...], found: tuple[Line, ...]
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Pairs of indices matched one to one at IoU ≥ 0.15 of boxes, and the IoU of all [true, found]."""
    a = np.array([true_box(line) for line in true]).reshape(-1, 4)
    b = np.array([(line.box.x0, line.box.y0, line.box.x1, line.box.y1) for line in found], float).reshape(
        -1, 4
    )
    if not len(a) or not len(b):
        return [], np.zeros((len(a), len(b)))
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    overlap = shared / np.maximum(area(a)[:, None] + area(b) - shared, 1e-9)
    rows, columns = linear_sum_assignment(-overlap)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= 0.15], overlap


def true_box(line: TruthLine) -> NDArray[np.float64]:
    points = line.outline if len(line.outline) else line.baseline
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def area(boxes: Boxes) -> NDArray[np.float64]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def compare(
    true: tuple[TruthLine, ...], found: tuple[Line, ...], pairs: list[tuple[int, int]]
) -> list[NDArray[np.float64]]:
    """Found less true for each pair: the sides of the boxes and the baseline, in shares of the distance between lines."""
    if len(true) < 5:
        return []
    pitch = max(
        float(np.median(np.diff(np.sort([np.median(shape_of(line)[0][:, 1]) for line in true])))), 1.0
    )
    rows = []
    for i, j in pairs:
        box = found[j].box
        sides = np.array([box.x0, box.y0, box.x1, box.y1]) - true_box(true[i])
        a, b = shape_of(true[i])[0], np.array(found[j].baseline, float)
        a, b = a[np.argsort(a[:, 0])], b[np.argsort(b[:, 0])]
        x = np.linspace(max(a[0, 0], b[0, 0]), min(a[-1, 0], b[-1, 0]), 30)
        below = np.median(np.interp(x, b[:, 0], b[:, 1]) - np.interp(x, a[:, 0], a[:, 1]))
        rows.append(np.append(sides, below) / pitch)
    return rows


def draw(pixels: NDArray[np.uint8], page: TruthPage, lines: tuple[Line, ...], folder: Path) -> None:
    """The page with true boxes in green, found outlines in red, baselines in blue, and the order in numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = np.ascontiguousarray(pixels[:, :, ::-1])
    for line in page.lines:
        x0, y0, x1, y1 = (int(v) for v in true_box(line))
        cv2.rectangle(picture, (x0, y0), (x1, y1), (0, 160, 0), 2)
    for found in lines:
        cv2.polylines(picture, [np.array(found.polygon)], True, (0, 0, 255), 2)
        cv2.polylines(picture, [np.array(found.baseline)], False, (255, 0, 0), 2)
        cv2.putText(
            picture, str(found.order), found.baseline[0], cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 100, 255), 2
        )
    cv2.imwrite(str(folder / f"{page.name}.jpg"), picture)


if __name__ == "__main__":
    main()
