#!/usr/bin/env python3
"""How well the angle of pages is found: pages of folders, turned by known angles.

The error of a turn is the angle found after it less the angle found before it, against the turn. So it needs no ground
truth, and pages need not be straight to begin with. For each folder are printed: pages and turns, the mean error in
degrees, the shares of turns within 0.1° and within 0.5°, the greatest error, the angle usually found on the page as it
is, and processor milliseconds a page (cleaning as a whole for Warraq). `--peer` measures `jdeskew` beside it, on the
grey page at full size (`pip install jdeskew`; nothing else needs it).

New ground beside a turned page has the colour of the page's edge, or is white or black as `--ground` says; turns are
within ±15° and the same for every tool and run. `--straight` instead turns each page level by the angle found and tells
by how much the level page is then said to be off, and by how much cleaning would turn it again.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ocr_core.imaging.clean import clean_page

Page = NDArray[np.uint8]
Finder = Callable[[Page], float]
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
LIMIT = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="folders of page images")
    parser.add_argument("--only", default="", metavar="REGEX", help="only pages with such names")
    parser.add_argument("--without", metavar="REGEX", help="no pages with such names")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth page")
    parser.add_argument("--turns", type=int, default=4, metavar="N", help="turns of each page")
    parser.add_argument("--ground", default="edge", choices=["edge", "white", "black"])
    parser.add_argument("--straight", action="store_true", help="level pages instead of turned ones")
    parser.add_argument("--peer", action="store_true", help="jdeskew too")
    parser.add_argument("--per-page", action="store_true", help="a line for each page too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    finders: dict[str, Finder] = {"warraq": lambda page: clean_page(page).skew_deg}
    if options.peer:
        from jdeskew.estimator import get_angle

        finders["jdeskew"] = get_angle
    for folder in options.folders:
        paths = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES]
        paths = [p for p in paths if re.search(options.only, p.name)]
        if options.without:
            paths = [p for p in paths if not re.search(options.without, p.name)]
        for name, finder in finders.items():
            measure = straight if options.straight else turns
            measure(f"{folder.name}, {name}", paths[:: options.every], finder, options)


def turns(title: str, paths: list[Path], finder: Finder, options: argparse.Namespace) -> None:
    errors: list[list[float]] = []
    before: list[float] = []
    seconds = 0.0
    for path in paths:
        page = read(path)
        start = time.process_time()
        before.append(finder(page))
        seconds += time.process_time() - start
        angles = angles_of(path.name, options.turns)
        found = [finder(turned(page, angle, options.ground)) for angle in angles]
        errors.append([f - before[-1] - a for f, a in zip(found, angles, strict=True)])
        if options.per_page:
            each = "  ".join(f"{a:+.1f}: {e:+.2f}" for a, e in zip(angles, errors[-1], strict=True))
            print(f"  {path.stem} at {before[-1]:+.2f}: {each}")
    off = np.abs(np.array(errors)).ravel()
    if not len(off):
        print(f"{title}: no pages")
        return
    print(
        f"{title}: pages={len(paths)} turns={len(off)} mean={off.mean():.3f} within 0.1={np.mean(off <= 0.1):.3f} "
        f"within 0.5={np.mean(off <= 0.5):.3f} greatest={off.max():.2f} "
        f"before: median |angle|={np.median(np.abs(before)):.2f} ms/page={1000 * seconds / len(paths):.0f}"
    )


def straight(title: str, paths: list[Path], finder: Finder, options: argparse.Namespace) -> None:
    off = []
    for path in paths:
        page = read(path)
        level = turned(page, -finder(page), options.ground)
        off.append(abs(finder(level)))
        if options.per_page:
            print(f"  {path.stem}: {off[-1]:.2f}")
    within = np.mean(np.array(off) <= 0.1)
    print(
        f"{title}: level pages={len(off)} mean={np.mean(off):.3f} within 0.1={within:.3f} greatest={max(off):.2f}"
    )


def read(path: Path) -> Page:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def angles_of(name: str, count: int) -> list[float]:
    """The turns of a page: spread over ±15°, the same whenever it is asked."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    edges = np.linspace(-LIMIT, LIMIT, count + 1)
    return [float(rng.uniform(a, b)) for a, b in pairwise(edges)]


def turned(page: Page, clockwise_deg: float, ground: str) -> Page:
    """The page turned about its middle at full resolution; it grows by its corners."""
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -clockwise_deg, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (int(np.ceil(width * cos + height * sin)), int(np.ceil(width * sin + height * cos)))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    edge = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    value = {"edge": float(np.median(edge)), "white": 255.0, "black": 0.0}[ground]
    out = cv2.warpAffine(page, matrix, size, flags=cv2.INTER_CUBIC, borderValue=value)
    return np.asarray(out, np.uint8)


if __name__ == "__main__":
    main()
