"""From the way of finding lines that a run asks for to its segmenter."""

from __future__ import annotations

from ocr_core.errors import ModelError
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.layout.learned.maps import packaged_network
from ocr_core.layout.learned.segmenter import LearnedSegmenter
from ocr_core.layout.method import LayoutMethod
from ocr_core.layout.protocol import Segmenter


def segmenter_for(method: LayoutMethod) -> Segmenter:
    """The segmenter of a method.

    Raises:
        ModelError: `learned` is asked for, and the weights are missing or damaged.
    """
    if method is LayoutMethod.CLASSICAL:
        return ClassicalSegmenter()
    try:
        network = packaged_network()
    except ModelError:
        if method is LayoutMethod.LEARNED:
            raise
        return ClassicalSegmenter()
    return LearnedSegmenter(network, f"{network.card.version}-{network.card.sha256[:12]}")
