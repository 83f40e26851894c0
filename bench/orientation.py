#!/usr/bin/env python3
"""Which way up pages lie, measured on upright pages turned by all four quarters.

For each folder are printed: pages that are not blank, and of their four turns each the share set upright, the share left
as they lay for want of certainty, and the share turned wrongly; the greatest share of votes of a wrong turn; processor
milliseconds a turn. `--skew` also turns every page by random angles within so many degrees.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from deskew import SUFFIXES, read, turned

from ocr_core.imaging.clean import clean_page
from ocr_core.imaging.geometry import quarter
from ocr_core.imaging.orientation import estimate_orientation
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.models.opencv import load_network

UNTURNED = ImagingSettings(find_orientation=False, deskew=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="folders of page images that stand upright")
    parser.add_argument("--only", default="", metavar="REGEX", help="only pages with such names")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth page")
    parser.add_argument("--skew", type=float, default=0.0, metavar="DEG", help="turn pages askew as well")
    parser.add_argument("--network", type=Path, metavar="ONNX", help="weights other than the packaged ones")
    parser.add_argument("--per-page", action="store_true", help="name the turns that are not set upright")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    network = load_network(options.network.read_bytes(), options.network.name) if options.network else None
    for folder in options.folders:
        paths = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES]
        paths = [p for p in paths if re.search(options.only, p.name)]
        pages = right = unsure = 0
        wrong = [0.0]
        seconds = 0.0
        for path in paths[:: options.every]:
            page = read(path)
            if options.skew:
                rng = np.random.default_rng(zlib.crc32(path.name.encode()))
                page = turned(page, rng.uniform(-options.skew, options.skew), "edge")
            clean = clean_page(page, settings=UNTURNED)
            if clean.blank:
                continue
            pages += 1
            for turn in (0, 90, 180, 270):
                lying, _ = quarter(clean.grey, turn)
                start = time.process_time()
                found = estimate_orientation(lying, network)
                seconds += time.process_time() - start
                answer = found.turn_deg if found.sure else 0
                if (answer + turn) % 360 == 0:
                    right += 1
                elif answer == 0:
                    unsure += 1
                else:
                    wrong.append(found.confidence)
                if options.per_page and (answer + turn) % 360:
                    print(
                        f"  {path.stem} turned by {turn}: {found.turn_deg} with {found.confidence:.2f}, sure: {found.sure}"
                    )
        count = max(4 * pages, 1)
        print(
            f"{folder.name}: pages={pages} right={right / count:.4f} left alone={unsure / count:.4f} "
            f"wrong={(len(wrong) - 1) / count:.4f} greatest wrong vote={max(wrong):.2f} ms/turn={1000 * seconds / count:.0f}"
        )


if __name__ == "__main__":
    main()
