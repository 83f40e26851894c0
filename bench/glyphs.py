#!/usr/bin/env python3
"""How many isolated letters a second the packaged networks read, preparation included.

The pictures are drawn here, 32 × 32 as in AHCD; speed does not depend on what they show.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=4096, help="pictures read (4096)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the processor (2)")
    parser.add_argument("--rounds", type=int, default=3, help="times each network reads them all (3)")
    options = parser.parse_args()

    import torch

    from ocr_core.recognizers.glyphs.engine import GlyphRecognizer
    from ocr_core.records import LineImage

    torch.set_num_threads(1)  # as in a run: every thread reads batches of its own, on one core
    cv2.setNumThreads(1)
    rng = np.random.default_rng(1)
    images = []
    for number in range(options.letters):
        picture = np.zeros((32, 32), np.uint8)
        points = rng.integers(5, 27, (4, 2)).astype(np.int32)
        cv2.polylines(picture, [points], False, 255, 2, cv2.LINE_AA)
        images.append(LineImage(f"bench-00001-{number:06d}", picture, 0.0, np.eye(2, 3)))
    for name in ("glyphs", "glyphs-published"):
        reader = GlyphRecognizer.load(name, device="cpu")
        reader.recognize(images[:64])
        for _ in range(options.rounds):
            wall, busy = time.perf_counter(), time.process_time()
            with ThreadPoolExecutor(options.threads) as pool:
                list(
                    pool.map(reader.recognize, [images[n :: options.threads] for n in range(options.threads)])
                )
            wall, busy = time.perf_counter() - wall, time.process_time() - busy
            print(
                f"{name}  {len(images) / wall:.0f} letters/s  ({len(images) / busy:.0f} for each second of one core)"
            )


if __name__ == "__main__":
    main()
