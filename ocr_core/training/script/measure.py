"""How often the router is right on single lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ocr_core.models.card import Figure
from ocr_core.records import GreyImage, LineImage
from ocr_core.script.network import SCRIPTS
from ocr_core.script.router import ScriptRouter
from ocr_core.training.script.corpus import NONE, Sample
from ocr_core.training.script.fit import cropped


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
