"""How often the router is right: on single lines, on lines in the light of their page, on pages.

python -m ocr_core.script.measure FOLDER --script arabic
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ocr_core.ground_truth import TruthPage
from ocr_core.models.card import Figure
from ocr_core.records import GreyImage, LineImage, Script
from ocr_core.script import corpus
from ocr_core.script.corpus import NONE, Sample
from ocr_core.script.fit import cropped
from ocr_core.script.network import SCRIPTS
from ocr_core.script.router import ScriptRouter
from ocr_core.script.text import script_of_text
from ocr_core.training.ground_truth import read_pages

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageFigures:
    """Shares 0..1 of right decisions over `lines` lines with letters on `pages` pages.

    Attributes:
        line_accuracy: each line by itself.
        settled_accuracy: the same lines in the light of their page.
        page_accuracy: pages whose script is the expected one.
        ms_per_line: wall-clock milliseconds of routing, cutting of the lines left out.
    """

    lines: int
    pages: int
    line_accuracy: float
    settled_accuracy: float
    page_accuracy: float
    ms_per_line: float


def measure_pages(router: ScriptRouter, pages: Iterable[TruthPage], script: Script) -> PageFigures:
    """Route the transcribed lines of pages that should be decided as `script`.

    What a line should be is told by its text (a Latin shelfmark on an Arabic page is Latin); of lines in the
    light of their page only those of the page's script are counted.
    """
    alone: list[bool] = []
    settled: list[bool] = []
    decided: list[bool] = []
    routed, seconds = 0, 0.0
    for page in pages:
        cut = list(corpus.cut_page(page, "", "", corpus.UNKNOWN, pad=0.0))
        if not cut:
            continue
        images = [line_image(line.faded) for line in cut]
        start = time.perf_counter()
        found = router.route_lines(images)
        decision = router.route_page(found, [image.pixels.shape[1] for image in images])
        seconds += time.perf_counter() - start
        routed += len(images)
        decided.append(decision.script is script)
        for line, single, in_page in zip(cut, found, decision.lines, strict=True):
            expected = script_of_text(line.text)
            if expected in (Script.LATIN, Script.ARABIC):
                alone.append(single.script is expected)
                log.debug("%s %r: %s", page.name, line.text, single)
            if expected is script:
                settled.append(in_page.script is script)
    ms = round(1000 * seconds / max(routed, 1), 3)
    return PageFigures(len(alone), len(decided), _share(alone), _share(settled), _share(decided), ms)


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / max(len(right), 1), 4)


def measure_samples(router: ScriptRouter, samples: Sequence[Sample]) -> list[Figure]:
    """By source: the share of lines with letters routed right, and of lines without found to be so."""
    found = router.route_lines([line_image(cropped(s)) for s in samples])
    right: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for sample, line in zip(samples, found, strict=True):
        name = f"held-out lines {sample.source}" + (", without letters" if sample.script == NONE else "")
        total[name] += 1
        right[name] += line.script is SCRIPTS[sample.script]
    return [Figure(name, round(right[name] / total[name], 4), total[name]) for name in sorted(total)]


def line_image(pixels: GreyImage) -> LineImage:
    """A line image that stands alone."""
    return LineImage("", pixels, 0.75 * pixels.shape[0], np.eye(2, 3))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocr_core.script.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="pages with PAGE or ALTO ground truth beside them")
    parser.add_argument(
        "--script", choices=("latin", "arabic", "other"), required=True, help="what they all are"
    )
    parser.add_argument("--weights", type=Path, help="other weights than the packaged ones")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    weights: Path | None = args.weights
    router = ScriptRouter.load(weights.stem, weights.parent) if weights else ScriptRouter.load()
    figures = measure_pages(router, read_pages(args.folder), Script(args.script))
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")


if __name__ == "__main__":
    main()
