"""Which way of finding lines a run takes."""

from __future__ import annotations

from enum import StrEnum

from ocr_core.errors import ModelError
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.layout.learned import LearnedSegmenter
from ocr_core.layout.maps import packaged_network
from ocr_core.layout.protocol import Segmenter


class LayoutMethod(StrEnum):
    """`auto` is the network where its weights are packaged, and strokes alone where they are not."""

    AUTO = "auto"
    LEARNED = "learned"
    CLASSICAL = "classical"


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
