"""Which script lines and pages are in, by a small packaged network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.errors import ModelError
from ocr_core.models import WEIGHTS, verified_bytes
from ocr_core.records import EngineStamp, LineImage, Script
from ocr_core.script.pages import OTHER_FROM, LineScript, PageScript, decide_page, hand_of
from ocr_core.script.windows import Windows, cut_windows

if TYPE_CHECKING:
    from ocr_core.script.network import ScriptNet

log = logging.getLogger(__name__)

_REMEDY = "Reinstall the package (pip install --force-reinstall warraq); the weights come with it."
_CHUNK = 256  # windows a pass, so that memory does not grow with the page

__all__ = ["LineScript", "PageScript", "ScriptRouter"]


class ScriptRouter:
    """Tells the script of lines and pages. Safe to share between threads; make one with `load`."""

    def __init__(self, network: ScriptNet, stamp: EngineStamp) -> None:
        self._network = network.for_reading()
        self._stamp = stamp

    @property
    def stamp(self) -> EngineStamp:
        """What decides; part of a pipeline's fingerprint."""
        return self._stamp

    @classmethod
    def load(cls, name: str = "script-router", folder: Path = WEIGHTS) -> ScriptRouter:
        """Load packaged weights, after checking them against the sha256 of their card.

        Raises:
            ModelError: weights or card are missing, damaged, or of another network.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        from ocr_core.script.network import ScriptNet

        card, data = verified_bytes(name, folder)
        network = ScriptNet()
        try:
            network.load_state_dict(load(data))
        except (SafetensorError, RuntimeError) as error:
            raise ModelError(
                f"{card.file} does not fit the script network: {error}", remedy=_REMEDY
            ) from error
        return cls(network, EngineStamp(card.name, card.version, card.sha256))

    def route_lines(self, images: Sequence[LineImage]) -> list[LineScript]:
        """The script of each line by itself; same length, same order. A line without ink is NONE.

        What an image gets does not depend on what it is batched with, up to rounding.
        """
        cuts = [cut_windows(image.pixels) for image in images]
        counts = [len(cut.windows) for cut in cuts]
        if not sum(counts):
            return [LineScript(Script.NONE, 1.0)] * len(images)
        scripts, hands = self._run(np.concatenate([cut.windows for cut in cuts]))
        lines, at = [], 0
        for cut, count in zip(cuts, counts, strict=True):
            lines.append(_line(scripts[at : at + count], hands[at : at + count], cut.ink))
            at += count
        return lines

    def route_page(self, lines: Sequence[LineScript], weights: Sequence[float] | None = None) -> PageScript:
        """The script of a page and its lines in that light: see `pages.decide_page`."""
        return decide_page(lines, weights)

    def _run(self, windows: Windows) -> tuple[Windows, Windows]:
        """Probabilities: scripts ``[n, 4]`` in the order of `network.SCRIPTS`, handwriting ``[n]``."""
        import torch

        scripts, hands = [], []
        with torch.inference_mode():
            for start in range(0, len(windows), _CHUNK):
                batch = torch.from_numpy(windows[start : start + _CHUNK, None])
                script, hand = self._network(batch)
                scripts.append(torch.softmax(script / self._network.temperature, dim=1).numpy())
                hands.append(torch.sigmoid(hand).numpy())
        return np.concatenate(scripts), np.concatenate(hands)


def _line(scripts: Windows, hands: Windows, ink: Windows) -> LineScript:
    """The windows' votes, ``[n, 4]`` and ``[n]``, weighted by ink, ``[n]``, as one decision. n may be 0."""
    if not len(scripts):
        return LineScript(Script.NONE, 1.0)
    weight = np.minimum(ink, 0.1)
    weight = weight / weight.sum()
    latin, arabic, other, none = (float(p) for p in weight @ scripts)
    if other >= max(OTHER_FROM, latin, arabic, none):
        script, sure = Script.OTHER, other
    elif none > latin + arabic:
        script, sure = Script.NONE, none
    else:
        script, sure = (Script.ARABIC, arabic) if arabic > latin else (Script.LATIN, latin)
        sure /= max(latin + arabic, 1e-9)
    written = float(weight @ hands)
    hand = "" if script is Script.NONE else hand_of(written)
    return LineScript(script, min(sure, 1.0), hand, latin, arabic, other, none, written)
